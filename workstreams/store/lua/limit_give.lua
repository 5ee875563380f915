#!lua flags=allow-oom
-- limit_give: a block outside of jobs is over, or waits no longer; the slots that it holds are free.
--
-- KEYS[1]  clock of the shard
-- ARGV[1]  JSON {request, sid, name, epoch, fresh}
-- Returns  {"given"} | {"lost"} when it held none any longer
--
-- What it charged rates with is never given back.

local call = cjson.decode(ARGV[1])
local answered = requests.answer(call.request)
if answered then return answered end
clock.read(call.epoch, call.fresh)
guests.leave_lines(call.sid, guests.limits(call.name) or {})
local held = release.guest(call.sid)
batch.flush()
release.wake({})
return requests.keep(call.request, {held and 'given' or 'lost'})
