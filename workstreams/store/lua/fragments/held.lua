-- Keys that are held from outside: by an operator, or by an upstream that refused one of their jobs.

-- ms after its time at which a key's refusal is forgotten, for whoever steps the clock.
local FORGOTTEN_AFTER = 3600000

-- An operator keeps a key out of the line, or lets it go on. What held it before holds it afterwards.
-- Returns whether that is a change.
function turns.pause(ws, key, pause)
  local paused, held = keys.ws(ws, 'paused_keys'), keys.ws(ws, 'held')
  local before = redis.call('HGET', paused, key)
  if pause then
    if before then return false end
    redis.call('HSET', paused, key, turns.is_held(ws, key) or '0')
    turns.hold(ws, key, math.huge)
    return true
  end
  if not before then return false end
  redis.call('HDEL', paused, key)
  redis.call('ZADD', held, before, key)
  redis.call('ZADD', held, 'GT', redis.call('ZSCORE', keys.ws(ws, 'shut_keys'), key) or '0', key)
  turns.promote(ws)
  return true
end

-- The limits of keys have changed: all that are held are looked at again, but those that are paused, or that
-- an upstream shut.
function turns.recheck(ws)
  if not turns.any_held(ws) then return end
  local held = keys.ws(ws, 'held')
  redis.call('ZUNIONSTORE', held, 1, held, 'WEIGHTS', 0)
  local shut = redis.call('ZRANGEBYSCORE', keys.ws(ws, 'shut_keys'), '(' .. clock.text, '+inf', 'WITHSCORES')
  for i = 1, #shut, 2 do redis.call('ZADD', held, 'XX', shut[i + 1], shut[i]) end
  local paused = keys.ws(ws, 'paused_keys')
  for _, key in ipairs(redis.call('HKEYS', paused)) do
    redis.call('ZADD', held, '+inf', key)
    redis.call('HSET', paused, key, '0')
  end
end

-- An upstream refused a key: it is shut until `at`, or longer if it was already.
function turns.shut(ws, key, at)
  local shut = keys.ws(ws, 'shut_keys')
  redis.call('ZREMRANGEBYSCORE', shut, '-inf', clock.text)
  redis.call('ZADD', shut, 'GT', digits(at), key)
  local last = tonumber(redis.call('ZRANGE', shut, -1, -1, 'WITHSCORES')[2])
  redis.call('PEXPIRE', shut, digits(math.ceil((last - clock.now) / 1000) + FORGOTTEN_AFTER))
  turns.hold(ws, key, at)
end
