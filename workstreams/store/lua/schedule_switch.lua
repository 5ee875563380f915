-- schedule_switch: pauses a schedule, or lets it go on, for all schedulers at once.
--
-- KEYS[1]  clock of the shard
-- ARGV[1]  JSON {request, epoch, fresh, schedule, paused: "1" | "0"}
-- Returns  {"ok" | "same"}
--
-- Kept apart from the file's `enabled`. What ticked meanwhile is told as skipped after the resume.

local call = cjson.decode(ARGV[1])
local answered = requests.answer(call.request)
if answered then return answered end
clock.read(call.epoch, call.fresh)

local key, on = keys.root .. 'schedule:' .. call.schedule, call.paused == '1'
if (redis.call('HGET', key, 'paused') == '1') == on then return requests.keep(call.request, {'same'}) end
local now = digits(clock.now)
redis.call('HSET', key, 'paused', call.paused)
if not on then redis.call('HSET', key, 'resumed', now) end
events.of_app(on and 'schedule_paused' or 'schedule_resumed', 'info', {attempt = ''},
  cjson.encode({schedule = call.schedule}))
return requests.keep(call.request, {'ok'})
