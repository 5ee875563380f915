-- One timer owner per workstream: of the processes waiting for the same moment only the
-- owner asks when it comes. A deputy asks a second later, should the owner have died.
local timer = {}

local DEPUTY_AFTER = 1000000

function timer.key(ws) return keys.ws(ws, 'gate') end

-- An owner that has no thread to spare, or nothing to wait for, is no owner.
function timer.leave(ws, sid)
  local held = redis.call('HMGET', timer.key(ws), 'owner', 'deputy')
  if held[1] == sid then redis.call('HDEL', timer.key(ws), 'owner', 'at') end
  if held[2] == sid then redis.call('HDEL', timer.key(ws), 'deputy', 'deputy_at') end
end

-- Returns the µs until `sid` should ask again because of `at`, or nil if others will.
function timer.keep(ws, sid, at)
  local held = redis.call('HMGET', timer.key(ws), 'owner', 'at', 'deputy', 'deputy_at')
  local owned, backed = tonumber(held[2] or 0), tonumber(held[4] or 0)
  -- A time that has passed is vacant: its owner asked meanwhile, or is late.
  if not held[1] or held[1] == sid or at < owned or owned <= clock.now then
    redis.call('HSET', timer.key(ws), 'owner', sid, 'at', digits(at))
    if held[3] == sid then redis.call('HDEL', timer.key(ws), 'deputy', 'deputy_at') end
    return math.max(0, at - clock.now)
  end
  if not held[3] or held[3] == sid or backed <= clock.now then
    local later = math.max(at, owned) + DEPUTY_AFTER
    redis.call('HSET', timer.key(ws), 'deputy', sid, 'deputy_at', digits(later))
    return later - clock.now
  end
  return nil
end

-- Hands the timer to a sleeper, by a message that carries the wait, so that it need not ask
-- before. It stays a sleeper. An earlier time that somebody keeps already is left alone.
function timer.hand_over(ws, at)
  local held = redis.call('HMGET', timer.key(ws), 'owner', 'at')
  local owned = tonumber(held[2] or 0)
  if held[1] and owned > clock.now and owned <= at then return end
  local sleepers = keys.ws(ws, 'sleepers')
  for _ = 1, 8 do
    local sid = redis.call('ZRANGE', sleepers, 0, 0)[1]
    if not sid then
      redis.call('HDEL', timer.key(ws), 'owner', 'at')
      return
    end
    if wake.tell(sid, ws .. ' ' .. digits(math.max(0, at - clock.now))) then
      redis.call('HSET', timer.key(ws), 'owner', sid, 'at', digits(at))
      return
    end
    redis.call('ZREM', sleepers, sid)
  end
end
