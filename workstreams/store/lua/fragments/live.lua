-- What an operator changed, beside what the file says: of a limit, or of one key of a workstream.
-- Both are {rates, concurrency} as text, "" for none; a field that was not changed is nil.
local live = {}

-- Returns file, set; nil when nobody published it.
function live.of_limit(name)
  local file = redis.call('HMGET', keys.limit(name, 'settings'), 'concurrency', 'rates', 'live')
  if not file[1] then return nil end
  local set = file[3] == '1' and redis.call('HMGET', keys.limit(name, 'overrides'), 'concurrency', 'rates', 'paused') or {}
  return {concurrency = file[1], rates = file[2] or ''},
    {concurrency = set[1] or nil, rates = set[2] or nil, paused = set[3] or nil}
end

function live.of_key(ws, key)
  local file = redis.call('HMGET', keys.ws(ws, 'settings'), 'paused', 'key_concurrency', 'key_rates')
  if not file[1] then return nil end
  local kept, set = redis.call('HGET', keys.ws(ws, 'key_overrides'), key), {}
  if kept then
    set = cjson.decode(kept)
    if set.concurrency then set.concurrency = set.concurrency ~= cjson.null and digits(set.concurrency) or '' end
  end
  return {concurrency = file[2] or '', rates = file[3] or ''}, set
end

-- What holds now.
function live.in_force(file, set)
  return {concurrency = set.concurrency or file.concurrency, rates = set.rates or file.rates}
end

-- The workstreams that a shared limit holds, or the one whose own it is.
function live.held_by(name)
  if settings.of(name) then return {name} end
  local held = {}
  for _, ws in ipairs(redis.call('SMEMBERS', keys.root .. 'workstreams')) do
    local set = settings.of(ws)
    for i = 2, set and #set.limits or 0 do
      if set.limits[i] == name then held[#held + 1] = ws end
    end
  end
  table.sort(held)
  return held
end

-- A change is known to all at once: who sleeps asks again, and no gate stays shut by what held before.
function live.tell(name, event, details)
  for _, ws in ipairs(live.held_by(name)) do
    events.of_workstream(ws, event, 'info', cjson.encode(details))
    latch.open(ws)
  end
  redis.call('PUBLISH', keys.root .. 'wake:all', '* now')
end
