#!lua flags=allow-oom
-- exchange: everything a worker process tells and asks, in one call.
--
-- KEYS[1]  clock of the shard
-- ARGV[1]  JSON {sid, worker, seq, epoch, fresh, leaving, finishes: [...], wants: [[workstream, n]...]}
-- Returns  {"lost"} when the session is over, else
--          {epoch, now µs, refused [index...], grants [[workstream, id, delivery, body,
--          options, attempt, key, started]...], answers [[workstream, why, wait µs | -1]...],
--          µs until the next session may expire | -1}
--
-- `seq` rises with every call; a call repeated with the same one gets the same answer.
-- A finish must succeed when Redis is out of memory (allow-oom); admission stops then.
--! include base clock settings events rate gate ready wake timer job release recover finish take admit

local call = cjson.decode(ARGV[1])
read_clock(call.epoch, call.fresh)
local session = ROOT .. 'session:' .. call.sid

local function replay(stored)
  local answer = cjson.decode(stored)
  for _, grant in ipairs(answer[4]) do
    local job = redis.call('HMGET', job_key(grant[1], grant[2]), 'body', 'options')
    grant[4], grant[5] = job[1] or '', job[2] or '{}'
  end
  return answer
end

-- The answer is kept without bodies: they are in the job records already.
local function remember(answer)
  local slim = {}
  for i, g in ipairs(answer[4]) do slim[i] = {g[1], g[2], g[3], '', '', g[6], g[7], g[8]} end
  redis.call('HSET', session, 'seq', call.seq, 'answer',
    cjson.encode({answer[1], answer[2], answer[3], slim, answer[5], answer[6]}))
  return answer
end

local function out_of_memory()
  local used, most = 0, 0
  if redis.call('HGET', session, 'bounded') == '1' then
    local info = redis.call('INFO', 'memory')
    used = tonumber(info:match('used_memory:(%d+)'))
    most = tonumber(info:match('maxmemory:(%d+)'))
  end
  return most > 0 and used >= most
end

if not redis.call('ZSCORE', ROOT .. 'sessions', call.sid) then return {'lost'} end
local last = redis.call('HMGET', session, 'seq', 'answer')
if last[1] == tostring(call.seq) then return replay(last[2]) end

local refused = {}
for i, f in ipairs(call.finishes) do
  if not finish(call.sid, f) then refused[#refused + 1] = i - 1 end
end
local expiry = sweep()
if call.leaving then forget_sleeper(call.sid) end

local grants, answers, asked = {}, {}, {}
local starved = #call.wants > 0 and out_of_memory()
for _, want in ipairs(call.wants) do
  local ws = want[1]
  asked[ws] = true
  if starved then
    answers[#answers + 1] = {ws, 'memory', 1000000}
  else
    local _, why, wait = admit(ws, want[2], call, grants)
    answers[#answers + 1] = {ws, why, wait}
  end
end
wake_freed(asked)
flush_counts()
return remember({EPOCH, digits(NOW), refused, grants, answers, expiry and digits(expiry - NOW) or -1})
