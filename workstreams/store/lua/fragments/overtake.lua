-- A job that overtakes those of its key that is held. (It stands behind all that it asks: a key is freed while jobs
-- are put into the line.)

-- What comes to stand first in a key that is held until `til` may start sooner, when it costs less than what stood
-- there. Returns whether it may start now; the key has its turn then. list: {score, id, …} that came.
function turns.is_freed(ws, key, til, list)
  if til == 'inf' or not settings.is_rated(ws) then return false end
  local first, came = redis.call('ZRANGE', keys.ready(ws, key), 0, 0)[1], false
  for i = 2, #list, 2 do came = came or list[i] == first end
  local room = came and gate.of_key(ws, key)
  if not room then return false end
  local why, _, at = gate.refuses(room, line.cost(ws, first))
  at = math.max(why and at or 0, tonumber(redis.call('ZSCORE', keys.ws(ws, 'shut_keys'), key) or 0))
  if at >= tonumber(til) then return false end
  redis.call('ZADD', keys.ws(ws, 'held'), digits(at), key)
  if at > clock.now then
    jobs.note_due(ws, at)
    return false
  end
  turns.resume(ws, key)
  return true
end
