#!lua flags=allow-oom
-- exchange: everything a worker process tells and asks, in one call.
--
-- KEYS[1]  clock of the shard
-- ARGV[1]  JSON {sid, worker, seq, epoch, fresh, leaving, finishes: [...], wants: [[workstream, n]...],
--          bounds: [["workstream/id~delivery", µs]...]}
-- Returns  {"lost"} when the session is over, {"stale"} to a late copy of an older call, else
--          {epoch, now µs, refused [index...], grants [[workstream, id, delivery, body,
--          options, attempt, key, started]...], answers [[workstream, why, wait µs | -1]...]}
--
-- `seq` rises with every call; a call repeated with the same one gets the same answer.
-- A finish must succeed when Redis is out of memory (allow-oom); admission stops then.
--! include base clock settings events batch rate gate ready wake timer job release recover finish take admit

local call = cjson.decode(ARGV[1])
clock.read(call.epoch, call.fresh)
local session = keys.session(call.sid)

local function replay(stored)
  local answer = cjson.decode(stored)
  for _, grant in ipairs(answer[4]) do
    local job = redis.call('HMGET', keys.job(grant[1], grant[2]), 'body', 'options')
    grant[4], grant[5] = job[1] or '', job[2] or '{}'
  end
  return answer
end

-- The answer is kept without bodies: they are in the job records already.
local function remember(answer)
  local slim = {}
  for i, g in ipairs(answer[4]) do slim[i] = {g[1], g[2], g[3], '', '', g[6], g[7], g[8]} end
  redis.call('HSET', session, 'seq', call.seq, 'answer', cjson.encode({answer[1], answer[2], answer[3], slim, answer[5]}))
  return answer
end

local function out_of_memory(bounded)
  if bounded ~= '1' then return false end
  local info = redis.call('INFO', 'memory')
  local most = tonumber(info:match('maxmemory:(%d+)'))
  return most > 0 and tonumber(info:match('used_memory:(%d+)')) >= most
end

if not redis.call('ZSCORE', keys.root .. 'sessions', call.sid) then
  -- Refused like any that lost its lease, so that each job's log says so.
  ends.all(call.sid, call.finishes)
  return {'lost', clock.epoch}
end
local last = redis.call('HMGET', session, 'seq', 'answer', 'bounded')
local seq = tonumber(last[1] or 0)
if seq == call.seq then return replay(last[2]) end
if seq > call.seq then return {'stale'} end

local refused = ends.all(call.sid, call.finishes)
-- Jobs whose own time limit is another than their workstream's: until when they may hold on.
for _, b in ipairs(call.bounds or {}) do
  redis.call('ZADD', keys.held(call.sid), 'XX', digits(clock.now + b[2]), b[1])
end
recover.sweep(call.sid)
if call.leaving then recover.forget_sleeper(call.sid) end

local grants, answers, asked = {}, {}, {}
local starved = #call.wants > 0 and out_of_memory(last[3])
for _, want in ipairs(call.wants) do
  asked[want[1]] = true
  if starved then
    answers[#answers + 1] = {want[1], 'memory', 1000000}
  else
    local why, wait = admission.turn(want[1], want[2], call, grants)
    answers[#answers + 1] = {want[1], why, wait}
  end
end
release.wake(asked)
events.flush()
return remember({clock.epoch, clock.text, refused, grants, answers})
