#!lua flags=allow-oom
-- exchange: everything a worker process tells and asks, in one call.
--
-- KEYS[1]  clock of the shard
-- ARGV[1]  JSON {sid, worker, seq, epoch, fresh, leaving, finishes: [...], wants: [[workstream, n]...],
--          bounds: [["workstream/id~delivery", µs]...], holds: ["workstream/id~delivery"...] | nil}
-- Returns  {"lost"} when the session is over, {"stale"} to a late copy of an older call, else
--          {epoch, now µs, refused [index...], grants [[workstream, id, delivery, body,
--          options, attempt, key, started]...], answers [[workstream, why, wait µs | -1]...],
--          gone ["workstream/id~delivery"...]}; `gone` of what it holds has no lease any longer
--
-- `seq` rises with every call; a call repeated with the same one gets the same answer.
-- A finish must succeed when Redis is out of memory (allow-oom); admission stops then.

local call = cjson.decode(ARGV[1])
clock.read(call.epoch, call.fresh)
local session = keys.session(call.sid)

-- What a call gave is kept as leases, one a line: all else about them is in the job records.
local function remember(answer)
  local leases = {}
  for i, g in ipairs(answer[4]) do leases[i] = g[1] .. '/' .. keys.member(g[2], digits(g[3])) end
  redis.call('HSET', session, 'seq', call.seq, 'answer', cjson.encode({answer[1], answer[2], answer[3], answer[5], answer[6]}),
    'given', table.concat(leases, '\n'))
end

local function replay()
  local stored = redis.call('HMGET', session, 'answer', 'given')
  local answer, grants = cjson.decode(stored[1]), {}
  for ws, id, delivery in stored[2]:gmatch('([^/\n]*)/([^\n]*)~(%d+)') do
    local job = redis.call('HMGET', keys.job(ws, id), 'body', 'options', 'attempt', 'key', 'started')
    grants[#grants + 1] = {ws, id, tonumber(delivery), job[1] or '', job[2] or '{}', tonumber(job[3] or 0) + 1,
      job[4] or '', job[5] or answer[2]}
  end
  return {answer[1], answer[2], answer[3], grants, answer[4], answer[5]}
end

-- Whether any session's lease has run out, this one's included.
local function a_lease_lapses()
  if clock.now < (memory.now.safe_until or 0) then return false end
  local expiry = tonumber(redis.call('ZRANGE', keys.root .. 'sessions', 0, 0, 'WITHSCORES')[2] or 0)
  memory.now.safe_until = expiry
  return expiry <= clock.now
end

local function out_of_memory(bounded)
  if bounded ~= '1' then return false end
  local info = redis.call('INFO', 'memory')
  local most = tonumber(info:match('maxmemory:(%d+)'))
  return most > 0 and tonumber(info:match('used_memory:(%d+)')) >= most
end

local known = memory.now.sessions[call.sid]
if not known then
  local read = redis.call('HMGET', session, 'seq', 'bounded', 'max_deliveries')
  if not read[2] then
    -- Refused like any that lost its lease, so that each job's log says so.
    ends.all(call)
    return {'lost', clock.epoch}
  end
  known = {seq = tonumber(read[1] or 0), bounded = read[2], most = tonumber(read[3] or 3)}
end
if known.seq == call.seq then return replay() end
if known.seq > call.seq then return {'stale'} end

local refused = ends.all(call)
-- Jobs whose own time limit is another than their workstream's: until when they may hold on.
for _, b in ipairs(call.bounds or {}) do
  redis.call('ZADD', keys.held(call.sid), 'XX', digits(clock.now + b[2]), b[1])
end
local compares = type(call.holds) == 'table'
local gone = compares and reconcile.with(call.sid, call.holds) or {}
local lapses = a_lease_lapses()
local others_live = not lapses or recover.sweep(call.sid) ~= 0
if call.leaving then recover.forget_sleeper(call.sid) end

call.most = known.most
local grants, answers, asked = {}, {}, {}
local barred, again = nil, nil
if #call.wants > 0 then
  if lapses and recover.has_lapsed(call.sid) then barred, again = 'lease', 100000 end
  if out_of_memory(known.bounded) then barred, again = 'memory', 1000000 end
end
for _, want in ipairs(call.wants) do
  asked[want[1]] = true
  if barred then
    answers[#answers + 1] = {want[1], barred, again}
  else
    local why, wait = admission.turn(want[1], want[2], call, grants)
    answers[#answers + 1] = {want[1], why, wait}
  end
end
release.wake(asked)
events.flush()
remember({clock.epoch, clock.text, refused, grants, answers, gone})
known.seq, memory.now.sessions[call.sid] = call.seq, known
if others_live and not compares then memory.keep() end
return {clock.epoch, clock.text, refused, grants, answers, gone}
