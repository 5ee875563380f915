-- schedule_run: sends a schedule's job now, of no tick: the mark stays where it is.
--
-- KEYS[1]  clock of the shard
-- ARGV[1]  JSON {request, epoch, fresh, schedule}
-- ARGV[2…] the nine words of send
-- Returns  {"ok"} | {"full", limit} | {"unsettled"}

local call = cjson.decode(ARGV[1])
local answered = requests.answer(call.request)
if answered then return answered end
clock.read(call.epoch, call.fresh)

local ws = ARGV[2]
if not settings.of(ws) then return {'unsettled'} end
if schedules.is_full(ws) then return {'full', settings.of(ws).max_waiting} end
schedules.send(call.schedule, ARGV, 2, {by = 'run'})
schedules.tell(ws)
events.flush()
return requests.keep(call.request, {'ok'})
