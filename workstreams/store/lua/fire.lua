-- fire: decides ticks of one schedule. Some are skipped, for others a job is sent, and the mark
-- moves to the last one; all of it in one step, by whoever knows the mark.
--
-- KEYS[1]  clock of the shard
-- ARGV[1]  JSON {request, epoch, fresh, schedule, when, after, workstream, actor, overlap,
--          skips: [{first, last, ticks, reason, mark}]}; `after` is the mark that the caller read
-- ARGV[n…] eleven words a tick: µs, the same as text, and the nine words of send
-- Returns  {"ok" | "full" (the rest is undecided) | "early", mark, {tick…} that sent a job}
--          | {"moved" | "changed" | "undeclared" | "paused" | "unsettled", mark, {}}: nothing was written
--
-- The mark is the lock: of two schedulers that read the same one, the second finds it moved.

local WORDS = 11
local call = cjson.decode(ARGV[1])
local answered = requests.answer(call.request)
if answered then return answered end
clock.read(call.epoch, call.fresh)
local name, ws = call.schedule, call.workstream

local held = redis.call('HMGET', schedules.key(name), 'when', 'mark', 'paused')
local function nothing(why) return {why, held[2] or '', {}} end
if not held[1] then return nothing('undeclared') end
if held[1] ~= call.when then return nothing('changed') end
if held[2] ~= call.after then return nothing('moved') end
if held[3] == '1' then return nothing('paused') end
if not settings.of(ws) then return nothing('unsettled') end

local verdict, mark, fired, overlap = 'ok', call.after, {}, nil
for _, skip in ipairs(call.skips) do
  schedules.skipped(name, ws, call.actor, skip)
  mark = skip.mark
end
for i = 2, #ARGV, WORDS do
  local tick, text = ARGV[i], ARGV[i + 1]
  if tonumber(tick) > clock.now then
    verdict = 'early'
    break
  elseif call.overlap == 'skip' and schedules.is_busy(name) then
    overlap = {first = overlap and overlap.first or text, last = text, ticks = (overlap and overlap.ticks or 0) + 1,
      reason = 'overlap'}
  elseif schedules.is_full(ws) then
    verdict = 'full'
    break
  else
    local sent = schedules.send(name, ARGV, i + 2, {tick = text, late_ms = (clock.now - tonumber(tick)) / 1000})
    if sent then fired[#fired + 1] = text end
    redis.call('HSET', schedules.key(name), 'tick', tick)
  end
  mark = tick
end
if overlap then schedules.skipped(name, ws, call.actor, overlap) end
redis.call('HSET', schedules.key(name), 'mark', mark)
schedules.tell(ws)
events.flush()
return requests.keep(call.request, {verdict, mark, fired})
