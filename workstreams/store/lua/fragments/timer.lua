-- One timer owner per workstream: of the processes waiting for the same moment only the
-- owner asks when it comes. A deputy asks a second later, should the owner have died.
local DEPUTY_AFTER = 1000000

-- Returns the µs until `sid` should ask again because of `at`, or nil if others will.
local function keep_timer(ws, sid, at)
  local gate = ws_key(ws, 'gate')
  local timer = redis.call('HMGET', gate, 'owner', 'at', 'deputy', 'deputy_at')
  local owned = tonumber(timer[2] or 0)
  if not timer[1] or timer[1] == sid or at < owned or owned + DEPUTY_AFTER < NOW then
    redis.call('HSET', gate, 'owner', sid, 'at', digits(at))
    if timer[3] == sid then redis.call('HDEL', gate, 'deputy', 'deputy_at') end
    return at - NOW
  end
  local backed = tonumber(timer[4] or 0)
  if not timer[3] or timer[3] == sid or backed + DEPUTY_AFTER < NOW then
    local later = math.max(at, owned) + DEPUTY_AFTER
    redis.call('HSET', gate, 'deputy', sid, 'deputy_at', digits(later))
    return later - NOW
  end
  return nil
end
