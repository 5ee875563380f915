#!lua flags=allow-oom
-- exchange: everything a worker process tells and asks, in one call.
--
-- KEYS[1]  clock of the shard
-- ARGV[1]  JSON {sid, worker, courier, seq, epoch, fresh, leaving, finishes: [...], wants: [[workstream, n]...],
--          bounds: [["workstream/id~delivery", µs]...], holds: ["workstream/id~delivery"...] | nil}
-- Returns  {"lost"} when the session is over, {"stale"} to a late copy of an older call, else
--          {epoch, now µs, refused [index...], grants [[workstream, id, delivery, body,
--          options, attempt, key, started]...], answers [[workstream, why, wait µs | -1]...],
--          gone ["workstream/id~delivery"...]}; `gone` of what it holds has no lease any longer
--
-- A process may have several couriers under way at once, 1 where none is named. `seq` rises with every call of a
-- courier; a call repeated with the same one gets the same answer.
-- A finish must succeed when Redis is out of memory (allow-oom); admission stops then.

local call = cjson.decode(ARGV[1])
clock.read(call.epoch, call.fresh)

local session = sessions.of(call.sid)
if not session then
  -- Refused like any that lost its lease, so that each job's log says so.
  ends.all(call)
  return {'lost', clock.epoch}
end
local courier = call.courier or 1
local seq = sessions.seq(call.sid, courier)
if seq == call.seq then return sessions.replay(call.sid, courier) end
if seq > call.seq then return {'stale'} end

local refused = ends.all(call)
-- Jobs whose own time limit is another than their workstream's: until when they may hold on.
for _, b in ipairs(call.bounds or {}) do
  redis.call('ZADD', keys.held(call.sid), 'XX', digits(clock.now + b[2]), b[1])
end
local compares = type(call.holds) == 'table'
local gone = compares and reconcile.with(call.sid, call.holds) or {}
local lapses = sessions.any_lapsed()
local others_live = not lapses or recover.sweep(call.sid) ~= 0
if call.leaving then recover.forget_sleeper(call.sid) end

call.most = session.most
local grants, answers, asked = {}, {}, {}
local barred, again = nil, nil
if #call.wants > 0 then
  if lapses and recover.has_lapsed(call.sid) then barred, again = 'lease', 100000 end
  if session.bounded and sessions.out_of_memory() then barred, again = 'memory', 1000000 end
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
local answer = {clock.epoch, clock.text, refused, grants, answers, gone}
sessions.remember(call.sid, courier, call.seq, answer)
if others_live and not compares and not call.broken then memory.keep() end
return answer
