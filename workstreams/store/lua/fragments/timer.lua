-- One timer owner per workstream: of the processes waiting for the same moment only the
-- owner asks when it comes. A deputy asks a second later, should the owner have died.
local timer = {}

local DEPUTY_AFTER = 1000000

-- An owner that has no thread to spare, or nothing to wait for, is no owner.
function timer.leave(ws, sid)
  local held = door.of(ws)
  if held.owner == sid then door.write(ws, 'owner', '', 'at', '') end
  if held.deputy == sid then door.write(ws, 'deputy', '', 'deputy_at', '') end
end

-- Returns the µs until `sid` should ask again because of `at`, or nil if others will.
function timer.keep(ws, sid, at)
  local held = door.of(ws)
  local owned, backed = tonumber(held.at) or 0, tonumber(held.deputy_at) or 0
  -- A time that has passed is vacant: its owner asked meanwhile, or is late.
  if held.owner == '' or held.owner == sid or at < owned or owned <= clock.now then
    door.write(ws, 'owner', sid, 'at', digits(at))
    if held.deputy == sid then door.write(ws, 'deputy', '', 'deputy_at', '') end
    return math.max(0, at - clock.now)
  end
  if held.deputy == '' or held.deputy == sid or backed <= clock.now then
    local later = math.max(at, owned) + DEPUTY_AFTER
    door.write(ws, 'deputy', sid, 'deputy_at', digits(later))
    return later - clock.now
  end
  return nil
end

-- Hands the timer to a sleeper, by a message that carries the wait, so that it need not ask
-- before. It stays a sleeper. An earlier time that somebody keeps already is left alone.
function timer.hand_over(ws, at)
  local held = door.of(ws)
  local owned = tonumber(held.at) or 0
  if held.owner ~= '' and owned > clock.now and owned <= at then return end
  local sleepers = keys.ws(ws, 'sleepers')
  for _ = 1, 8 do
    local sid = redis.call('ZRANGE', sleepers, 0, 0)[1]
    if not sid then
      door.write(ws, 'owner', '', 'at', '')
      return
    end
    if wake.tell(sid, ws .. ' ' .. digits(math.max(0, at - clock.now))) then
      door.write(ws, 'owner', sid, 'at', digits(at))
      return
    end
    redis.call('ZREM', sleepers, sid)
  end
end
