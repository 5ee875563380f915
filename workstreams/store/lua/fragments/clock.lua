-- The one clock: Redis's TIME, plus the offset of the test kit, never less than the
-- latest time seen. A backward step makes time stand still, so no window shrinks.
--
-- The epoch names this data set. A caller that knows another one has seen Redis lose its
-- data: strict limits then count a whole window as used, from `lost` on. Each older epoch
-- counts once: the first to notice moves `lost`, those that knew the same do not.
-- `text` is `now` as commands take it.
local clock = {now = 0, text = '0', epoch = '', lost = 0}

function clock.read(known, fresh)
  local time = redis.call('TIME')
  local seen = redis.call('HMGET', KEYS[1], 'mark', 'epoch', 'lost', 'offset')
  clock.now = tonumber(time[1]) * 1000000 + tonumber(time[2]) + tonumber(seen[4] or 0)
  clock.now = math.max(clock.now, tonumber(seen[1] or 0))
  clock.epoch, clock.lost = seen[2] or '', tonumber(seen[3] or 0)
  if clock.epoch == '' then
    clock.epoch = fresh
    redis.call('HSET', KEYS[1], 'epoch', fresh)
  end
  if known ~= '' and known ~= clock.epoch and redis.call('HSETNX', KEYS[1], 'missed:' .. known, '1') == 1 then
    clock.lost = clock.now
    redis.call('HSET', KEYS[1], 'lost', digits(clock.lost))
  end
  clock.text = digits(clock.now)
  redis.call('HSET', KEYS[1], 'mark', clock.text)
end
