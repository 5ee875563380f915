-- The one clock: Redis's TIME, plus the offset of the test kit, never less than the
-- latest time seen. A backward step makes time stand still, so no window shrinks.
--
-- The epoch names this data set. A caller that knows another one has seen Redis lose its
-- data: strict limits then count a whole window as used, from `lost` on. Each older epoch
-- counts once: the first to notice moves `lost`, those that knew the same do not.
-- A fleet that lives is heard of at least every third of a lease. When nobody was for longer, it was Redis
-- that was away, or its clock that was put forward: leases that ran out meanwhile could not be renewed,
-- and are not swept before `settled`, so that the living can renew theirs.
--
-- `text` is `now` as commands take it.
local clock = {}

calls.begin_with(function() clock.now, clock.text, clock.epoch, clock.lost, clock.settled = 0, '0', '', 0, 0 end)

-- µs. A pause is longer than what slow processes take, and shorter than what is left of a lease.
local SHORTEST_PAUSE, LONGEST_GRACE = 1000000, 3000000

local function look_for_a_pause(mark, lease, back)
  if lease == 0 then return end
  if mark > 0 and clock.now - mark > math.max(SHORTEST_PAUSE, lease * 0.4) then
    back = clock.now
    redis.call('HSET', keys.clock, 'back', digits(back))
  end
  clock.settled = back + math.min(lease, LONGEST_GRACE)
end

function clock.read(known, fresh)
  local time = redis.call('TIME')
  local seen = redis.call('HMGET', keys.clock, 'mark', 'epoch', 'lost', 'offset', 'lease', 'back')
  clock.now = tonumber(time[1]) * 1000000 + tonumber(time[2]) + tonumber(seen[4] or 0)
  clock.now = math.max(clock.now, tonumber(seen[1] or 0))
  look_for_a_pause(tonumber(seen[1] or 0), tonumber(seen[5] or 0), tonumber(seen[6] or 0))
  clock.epoch, clock.lost = seen[2] or '', tonumber(seen[3] or 0)
  if clock.epoch == '' then
    clock.epoch = fresh
    redis.call('HSET', keys.clock, 'epoch', fresh)
  end
  if known ~= '' and known ~= clock.epoch and redis.call('HSETNX', keys.clock, 'missed:' .. known, '1') == 1 then
    clock.lost = clock.now
    redis.call('HSET', keys.clock, 'lost', digits(clock.lost))
  end
  clock.text = digits(clock.now)
  redis.call('HSET', keys.clock, 'mark', clock.text)
end
