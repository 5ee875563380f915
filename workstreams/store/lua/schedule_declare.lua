-- schedule_declare: what a config says of its schedules, told at the start of a scheduler.
--
-- KEYS[1]  clock of the shard
-- ARGV[1]  JSON {request, version, epoch, fresh, schedules: {name: {when, workstream}}}
-- Returns  {name, "new" | "same" | "changed" | "older", ...}
--
-- Ticks are counted from when a schedule, in these words, was first declared: a first start, a
-- changed one and one that is enabled again fire nothing of the past. The higher version's words
-- win in a roll-out; of equal versions those of the last to start.

local call = cjson.decode(ARGV[1])
local answered = requests.answer(call.request)
if answered then return answered end
clock.read(call.epoch, call.fresh)

local function declare(key, one)
  local held = redis.call('HMGET', key, 'when', 'version')
  if held[1] and held[1] ~= one.when and versions.is_older(call.version, held[2]) then return 'older' end
  if held[1] ~= one.when then redis.call('HSET', key, 'when', one.when, 'mark', digits(clock.now)) end
  redis.call('HSET', key, 'workstream', one.workstream)
  if not held[1] or not versions.is_older(call.version, held[2]) then
    redis.call('HSET', key, 'version', call.version)
  end
  return not held[1] and 'new' or held[1] == one.when and 'same' or 'changed'
end

local verdicts = {}
for name, one in pairs(call.schedules) do
  verdicts[#verdicts + 1] = name
  verdicts[#verdicts + 1] = declare(keys.root .. 'schedule:' .. name, one)
end
return requests.keep(call.request, verdicts)
