-- What a workstream may do now: the file's settings under an operator's overrides.
-- Read at most once a call; a workstream without settings is closed, never open.
local SETTINGS = {}

local function number_or_nil(text)
  if not text or text == '' then return nil end
  return tonumber(text)
end

local FIELDS = {'paused', 'within', 'bound', 'max_waiting', 'log_length',
                'done_age', 'done_count', 'dead_age', 'dead_count'}

local function settings_of(ws)
  local known = SETTINGS[ws]
  if known ~= nil then return known end
  local file = redis.call('HMGET', ws_key(ws, 'settings'), unpack(FIELDS))
  if not file[1] then
    SETTINGS[ws] = false
    return false
  end
  local paused = redis.call('HGET', ws_key(ws, 'overrides'), 'paused') or file[1]
  known = {
    paused = paused == '1', limits = {ws}, bound = tonumber(file[3]),
    max_waiting = tonumber(file[4]), log_length = file[5],
    done_age = tonumber(file[6]), done_count = tonumber(file[7]),
    dead_age = tonumber(file[8]), dead_count = tonumber(file[9]),
  }
  for name in file[2]:gmatch('[^,]+') do known.limits[#known.limits + 1] = name end
  SETTINGS[ws] = known
  return known
end

-- The limit called `name`: its concurrency, and its rates as {permits, window, margin, burst}.
-- `rates` is written permits:window:margin:burst;… with burst 0 for "as many as permits".
local LIMITS = {}

local function limit_of(name)
  local known = LIMITS[name]
  if known then return known end
  local file = redis.call('HMGET', limit_key(name, 'settings'), 'concurrency', 'rates', 'shared')
  local live = redis.call('HMGET', limit_key(name, 'overrides'), 'concurrency', 'rates')
  known = {name = name, concurrency = number_or_nil(live[1] or file[1]), rates = {}}
  known.holders = file[3] == '1' and limit_key(name, 'holders') or ws_key(name, 'running')
  for n, window, margin, burst in (live[2] or file[2] or ''):gmatch('(%d+):(%d+):(%d+):(%d+)') do
    known.rates[#known.rates + 1] = {
      permits = tonumber(n), window = window, span = tonumber(window) + tonumber(margin), burst = tonumber(burst),
    }
  end
  LIMITS[name] = known
  return known
end
