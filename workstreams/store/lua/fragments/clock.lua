-- The one clock: Redis's TIME, plus the offset of the test kit, never less than the
-- latest time seen. A backward step makes time stand still, so no window shrinks.
--
-- The epoch names this data set. A caller that knew an epoch and finds none has seen
-- Redis lose its data: strict limits then count a whole window as used, from `lost` on.
local NOW, EPOCH, LOST = 0, '', 0

local function read_clock(known_epoch, fresh_epoch)
  local time = redis.call('TIME')
  local seen = redis.call('HMGET', KEYS[1], 'mark', 'epoch', 'lost', 'offset')
  NOW = tonumber(time[1]) * 1000000 + tonumber(time[2]) + tonumber(seen[4] or 0)
  NOW = math.max(NOW, tonumber(seen[1] or 0))
  EPOCH, LOST = seen[2] or '', tonumber(seen[3] or 0)
  if EPOCH == '' then
    EPOCH = fresh_epoch
    if known_epoch ~= '' and known_epoch ~= fresh_epoch then
      LOST = NOW
      redis.call('HSET', KEYS[1], 'lost', digits(LOST))
    end
    redis.call('HSET', KEYS[1], 'epoch', EPOCH)
  end
  redis.call('HSET', KEYS[1], 'mark', digits(NOW))
end
