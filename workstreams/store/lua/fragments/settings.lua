-- What a workstream may do now: the file's settings under an operator's overrides, which are
-- only looked for where the settings say that there are some. Read at most once a call; a
-- workstream without settings is closed, never open.
local settings = {}

-- What keys have of their own, by workstream: too many to be remembered.
calls.gathers(settings, 'own')

local FIELDS = {'paused', 'within', 'bound', 'max_waiting', 'log_size', 'done_age', 'done_count', 'dead_age',
                'dead_count', 'live', 'key_rates', 'key_concurrency', 'weights', 'key_live', 'holds', 'key_past'}

local function number_or_nil(text)
  if not text or text == '' then return nil end
  return tonumber(text)
end

-- The limits that every key of its own has: nil where keys have none.
local function per_key(text, concurrency)
  if (not text or text == '') and (not concurrency or concurrency == '') then return nil end
  local limit = {concurrency = number_or_nil(concurrency)}
  limit.rates, limit.most = rates.read(text)
  return limit
end

function settings.of(ws)
  local known = memory.now.workstreams[ws]
  if known ~= nil then return known end
  local file = redis.call('HMGET', keys.ws(ws, 'settings'), unpack(FIELDS))
  if not file[1] then
    memory.now.workstreams[ws] = false
    return false
  end
  local paused = file[10] == '1' and redis.call('HGET', keys.ws(ws, 'overrides'), 'paused') or file[1]
  known = {
    paused = paused == '1', limits = {ws}, bound = tonumber(file[3]),
    max_waiting = tonumber(file[4]), log_size = tonumber(file[5]),
    done_age = tonumber(file[6]), done_count = tonumber(file[7]),
    dead_age = tonumber(file[8]), dead_count = tonumber(file[9]),
    per_key = per_key(file[11], file[12]), key_rates = file[11], key_concurrency = file[12],
    key_live = file[14] == '1', holds = file[15] == '1', key_past = file[16],
    weights = file[13] and file[13] ~= '' and cjson.decode(file[13]) or {}, heaviest = 1,
  }
  for _, weight in pairs(known.weights) do known.heaviest = math.max(known.heaviest, weight) end
  for name in file[2]:gmatch('[^,]+') do known.limits[#known.limits + 1] = name end
  memory.now.workstreams[ws] = known
  return known
end

-- Whether any key is held: asked for at no price where none ever is.
function settings.note_holds(ws, flag)
  local set = settings.of(ws)
  -- Where an operator deleted the settings, a job still has to end.
  if not set or set.holds == (flag == '1') then return end
  set.holds = flag == '1'
  redis.call('HSET', keys.ws(ws, 'settings'), 'holds', flag)
end

-- The limit called `name`: its concurrency, its rates, until when an upstream shut it, how far its
-- rate was lowered, and until when a slot is kept for a guest. `known` is false where nobody declared it.
function settings.limit(name)
  local known = memory.now.limits[name]
  if known then return known end
  local file = redis.call('HMGET', keys.limit(name, 'settings'), 'concurrency', 'rates', 'shared', 'live', 'blocked',
    'ease', 'eased', 'turn')
  local live = file[4] == '1' and redis.call('HMGET', keys.limit(name, 'overrides'), 'concurrency', 'rates', 'paused')
    or {}
  known = {name = name, known = file[3] and true, concurrency = number_or_nil(live[1] or file[1]),
    paused = live[3] == '1', shut_until = tonumber(file[5] or 0), ease = file[6] ~= '' and file[6], eased = file[7],
    turn = tonumber(file[8] or 0), meters = keys.limit(name, 'meter:'), suffix = ''}
  known.holders = file[3] == '1' and keys.limit(name, 'holders') or keys.ws(name, 'running')
  known.rates, known.most = rates.read(live[2] or file[2])
  if live[2] then rates.add_idle(known.rates, file[2]) end
  memory.now.limits[name] = known
  return known
end

-- What an operator gave one key, over what all keys have: a concurrency of null is none.
local function own_limit(set, own)
  if own.concurrency == nil then own.concurrency = set.key_concurrency end
  local found = per_key(own.rates or set.key_rates, own.concurrency ~= cjson.null and own.concurrency)
  if found and own.rates then rates.add_idle(found.rates, set.key_rates) end
  return found
end

-- The limits of one key, or nil: those that an operator gave it, else those of all keys.
function settings.key(ws, key)
  local set = settings.of(ws)
  if key == '' or not (set.per_key or set.key_live) then return nil end
  local own_of = settings.own[ws] or {}
  settings.own[ws] = own_of
  local known = own_of[key]
  if known ~= nil then return known end
  local own = set.key_live and redis.call('HGET', keys.ws(ws, 'key_overrides'), key)
  own = own and cjson.decode(own)
  local found = set.per_key
  if own then found = own_limit(set, own) end
  known = found and {name = ws, concurrency = found.concurrency, rates = found.rates, most = found.most,
    shut_until = 0, holders = keys.ws(ws, 'holders:' .. key), meters = keys.ws(ws, 'meter:'),
    past = set.key_past, suffix = ':' .. key} or false
  own_of[key] = known
  return known
end

-- Whether any rate holds here, so that it matters what a job costs.
function settings.is_rated(ws)
  local set = settings.of(ws)
  if set.key_live or (set.per_key and set.per_key.rates[1]) then return true end
  for _, name in ipairs(set.limits) do
    if settings.limit(name).rates[1] then return true end
  end
  return false
end

-- A job that costs more than a whole window of a rate could never start. Returns that limit, and its cost there.
function settings.too_dear(ws, cost, key)
  -- Every rate allows one at least.
  if type(cost) == 'number' and cost <= 1 then return nil end
  for _, name in ipairs(settings.of(ws).limits) do
    local limit = settings.limit(name)
    if costs.on(cost, name) > limit.most then return limit, costs.on(cost, name) end
  end
  local own = settings.key(ws, key or '')
  if own and costs.on(cost, ws) > own.most then return own, costs.on(cost, ws) end
end
