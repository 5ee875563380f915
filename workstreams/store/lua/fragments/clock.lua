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
-- `text` is `now` as commands take it; until `guests` somebody outside of jobs may wait for a slot.
local clock = {}

calls.begin_with(function()
  clock.now, clock.text, clock.epoch, clock.lost, clock.settled, clock.guests = 0, '0', '', 0, 0, 0
end)

-- µs. A pause is longer than what slow processes take, and shorter than what is left of a lease.
local SHORTEST_PAUSE, LONGEST_GRACE = 1000000, 3000000

local function look_for_a_pause(mark, kept)
  if kept.lease == 0 then return end
  if mark > 0 and clock.now - mark > math.max(SHORTEST_PAUSE, kept.lease * 0.4) then
    redis.call('HSET', keys.clock, 'back', clock.text)
    kept.back = clock.now
  end
  clock.settled = kept.back + math.min(kept.lease, LONGEST_GRACE)
end

-- What seldom changes: {epoch, lost, lease, back, guests}.
local function remembered(mark, by)
  if memory.recall(mark, by, clock.now) then return memory.now.clock end
  local read = redis.call('HMGET', keys.clock, 'epoch', 'lost', 'lease', 'back', 'guests')
  memory.now.clock = {epoch = read[1] or '', lost = tonumber(read[2] or 0), lease = tonumber(read[3] or 0),
    back = tonumber(read[4] or 0), guests = tonumber(read[5] or 0)}
  return memory.now.clock
end

function clock.read(known, fresh)
  local time = redis.call('TIME')
  local seen = redis.call('HMGET', keys.clock, 'mark', 'offset', 'by')
  local mark = tonumber(seen[1] or 0)
  clock.now = tonumber(time[1]) * 1000000 + tonumber(time[2]) + tonumber(seen[2] or 0)
  clock.now = math.max(clock.now, mark)
  clock.text = digits(clock.now)
  local kept = remembered(seen[1], seen[3])
  look_for_a_pause(mark, kept)
  if kept.epoch == '' then
    redis.call('HSET', keys.clock, 'epoch', fresh)
    kept.epoch = fresh
  end
  if known ~= '' and known ~= kept.epoch and redis.call('HSETNX', keys.clock, 'missed:' .. known, '1') == 1 then
    redis.call('HSET', keys.clock, 'lost', clock.text)
    kept.lost = clock.now
  end
  clock.epoch, clock.lost, clock.guests = kept.epoch, kept.lost, kept.guests
  memory.leave(clock.text, seen[3])
end

-- The longest lease there is tells what a pause of the whole fleet is.
function clock.note_lease(us)
  if us > tonumber(redis.call('HGET', keys.clock, 'lease') or 0) then
    redis.call('HSET', keys.clock, 'lease', digits(us))
  end
end
