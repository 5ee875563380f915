-- A job that overtakes those of its key that is held. (It stands behind all that it asks: a key is freed while jobs
-- are put into the line.)

-- What comes to stand first in a key that is held until `til` may start sooner, when it costs less than what stood
-- there, or later than the upstream says that refused it, when its own limits are used up. Returns whether it may start
-- now; the key has its turn then. list: {score, id, …} that came.
function turns.is_freed(ws, key, til, list)
  if til == 'inf' then return false end
  local first, came = redis.call('ZRANGE', keys.ready(ws, key), 0, 0)[1], false
  for i = 2, #list, 2 do came = came or list[i] == first end
  local room = came and gate.of_key(ws, key)
  if not room then return false end
  local why, _, opens = gate.refuses(room, line.cost(ws, first))
  local shut, before = tonumber(redis.call('ZSCORE', keys.ws(ws, 'shut_keys'), key) or 0), tonumber(til)
  local at = math.max(why and (opens or math.huge) or 0, shut)
  if at == before then return false end
  redis.call('ZADD', keys.ws(ws, 'held'), at == math.huge and '+inf' or digits(at), key)
  if at > clock.now then
    if at < before then jobs.note_due(ws, at) end
    return false
  end
  turns.resume(ws, key)
  return true
end
