-- What a workstream may do now: the file's settings under an operator's overrides, which are
-- only looked for where the settings say that there are some. Read at most once a call; a
-- workstream without settings is closed, never open.
local settings = {workstreams = {}, limits = {}}

local FIELDS = {'paused', 'within', 'bound', 'max_waiting', 'log_length',
                'done_age', 'done_count', 'dead_age', 'dead_count', 'live'}

function settings.of(ws)
  local known = settings.workstreams[ws]
  if known ~= nil then return known end
  local file = redis.call('HMGET', keys.ws(ws, 'settings'), unpack(FIELDS))
  if not file[1] then
    settings.workstreams[ws] = false
    return false
  end
  local paused = file[10] == '1' and redis.call('HGET', keys.ws(ws, 'overrides'), 'paused') or file[1]
  known = {
    paused = paused == '1', limits = {ws}, bound = tonumber(file[3]),
    max_waiting = tonumber(file[4]), log_length = file[5],
    done_age = tonumber(file[6]), done_count = tonumber(file[7]),
    dead_age = tonumber(file[8]), dead_count = tonumber(file[9]),
  }
  for name in file[2]:gmatch('[^,]+') do known.limits[#known.limits + 1] = name end
  settings.workstreams[ws] = known
  return known
end

local function number_or_nil(text)
  if not text or text == '' then return nil end
  return tonumber(text)
end

local function read_rates(text, rates, idle)
  for n, window, margin, burst in text:gmatch('(%d+):(%d+):(%d+):(%d+)') do
    if not idle or not idle[window] then
      rates[#rates + 1] = {
        permits = tonumber(n), window = window, span = tonumber(window) + tonumber(margin), burst = tonumber(burst),
        idle = idle and true,
      }
    end
  end
end

-- The limit called `name`: its concurrency, and its rates as {permits, window, span, burst, idle}.
-- `rates` is written permits:window:margin:burst;… with burst 0 for "as many as permits".
-- The file's rates under an override are idle: they hold nothing back, but what is admitted counts
-- against them, so that to go back to them is no fresh start.
function settings.limit(name)
  local known = settings.limits[name]
  if known then return known end
  local file = redis.call('HMGET', keys.limit(name, 'settings'), 'concurrency', 'rates', 'shared', 'live')
  local live = file[4] == '1' and redis.call('HMGET', keys.limit(name, 'overrides'), 'concurrency', 'rates') or {}
  known = {name = name, concurrency = number_or_nil(live[1] or file[1]), rates = {}, most = math.huge}
  known.holders = file[3] == '1' and keys.limit(name, 'holders') or keys.ws(name, 'running')
  read_rates(live[2] or file[2] or '', known.rates)
  local held = {}
  for _, r in ipairs(known.rates) do
    known.most, held[r.window] = math.min(known.most, r.permits), true
  end
  if live[2] then read_rates(file[2] or '', known.rates, held) end
  settings.limits[name] = known
  return known
end

-- Whether any rate holds here.
function settings.is_rated(ws)
  for _, name in ipairs(settings.of(ws).limits) do
    if settings.limit(name).rates[1] then return true end
  end
  return false
end

-- A job that costs more than a whole window of a rate could never start. Returns that limit.
function settings.too_dear(ws, cost)
  for _, name in ipairs(settings.of(ws).limits) do
    local limit = settings.limit(name)
    if cost > limit.most then return limit end
  end
end
