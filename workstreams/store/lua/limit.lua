#!lua flags=allow-oom
-- limit: what a limit allows is changed for the whole fleet from this call's reply on, or is again what
-- the file says; or that of one key of a workstream.
--
-- KEYS[1]  clock of the shard
-- ARGV[1]  JSON {request, name, key ("" for the limit itself), reset: true | rates: text, burst: number,
--          concurrency: text ("" is without bound); what is left out stays as it is; epoch, fresh}
-- Returns  {"changed" | "same"} | {"unsettled"} | {"rateless"} | {"burst", permits, window}
--
-- It is kept as an override, apart from what the file says.

local call = cjson.decode(ARGV[1])
local answered = requests.answer(call.request)
if answered then return answered end
clock.read(call.epoch, call.fresh)
local name, of_key = call.name, call.key ~= ''

local file, set
if of_key then file, set = live.of_key(name, call.key) else file, set = live.of_limit(name) end
if not file then return {'unsettled'} end
local before = live.in_force(file, set)

-- The shortest rate stands first. Its burst stays as it is where nothing is said of it; one that
-- permits less than that has none. Returns the rates, or nil and the refusal.
local function with_burst(rates)
  local permits, window, margin, own = rates:match('^(%d+):(%d+):(%d+):(%d+)')
  if not permits then return nil, {'rateless'} end
  local burst = call.burst or tonumber(call.rates and before.rates:match('^%d+:%d+:%d+:(%d+)') or own)
  if burst > tonumber(permits) then
    if call.burst then return nil, {'burst', permits, window} end
    burst = 0
  end
  local first = table.concat({permits, window, margin, digits(burst)}, ':')
  return first .. rates:sub(#table.concat({permits, window, margin, own}, ':') + 1)
end

-- "20/s burst 5, 10000/h", for an event.
local UNITS = {{86400000000, 'd'}, {3600000000, 'h'}, {60000000, 'm'}, {1000000, 's'}, {1000, 'ms'}}

local function window_words(window)
  for _, unit in ipairs(UNITS) do
    if window % unit[1] == 0 then
      local n = window / unit[1]
      return n == 1 and unit[2] or digits(n) .. unit[2]
    end
  end
end

local function words(terms)
  local rates = {}
  for permits, window, _, burst in terms.rates:gmatch('(%d+):(%d+):(%d+):(%d+)') do
    local spread = burst ~= '0' and ' burst ' .. burst or ''
    rates[#rates + 1] = permits .. '/' .. window_words(tonumber(window)) .. spread
  end
  return {rate = rates[1] and table.concat(rates, ', ') or cjson.null,
          concurrency = tonumber(terms.concurrency) or cjson.null}
end

local function save_limit()
  local spaced = settings.limit(name)
  local overrides, settings_key = keys.limit(name, 'overrides'), keys.limit(name, 'settings')
  local was = before.rates .. ';' .. file.rates
  for _, field in ipairs({'rates', 'concurrency'}) do
    if set[field] then redis.call('HSET', overrides, field, set[field]) else redis.call('HDEL', overrides, field) end
  end
  redis.call('HSET', settings_key, 'live', redis.call('EXISTS', overrides))
  -- The file's rates are charged all along, so only a window that is new to both begins with a copy.
  history.carry(keys.limit(name, 'meter:'), was, (set.rates or '') .. ';' .. file.rates)
  memory.forget_settings()
  respace.limit(spaced, settings.limit(name))
end

local function save_key()
  local spaced = settings.key(name, call.key)
  local overrides = keys.ws(name, 'key_overrides')
  if next(set) == nil then
    redis.call('HDEL', overrides, call.key)
  else
    local kept = {rates = set.rates, concurrency = set.concurrency}
    if set.concurrency then kept.concurrency = tonumber(set.concurrency) or cjson.null end
    redis.call('HSET', overrides, call.key, cjson.encode(kept))
  end
  redis.call('HSET', keys.ws(name, 'settings'), 'key_live', redis.call('EXISTS', overrides))
  history.carry(keys.ws(name, 'meter:'), before.rates .. ';' .. file.rates, (set.rates or '') .. ';' .. file.rates, ':' .. call.key)
  memory.forget_settings()
  settings.own = {}
  respace.limit(spaced, settings.key(name, call.key))
  turns.recheck(name)
  adopt.running(name)
end

if call.reset then
  set = {}
else
  local rates, refusal = set.rates, nil
  if call.rates or call.burst then rates, refusal = with_burst(call.rates or before.rates) end
  if refusal then return refusal end
  set = {rates = rates, concurrency = call.concurrency or set.concurrency}
end
if of_key then save_key() else save_limit() end

local after = live.in_force(file, set)
local same = after.rates == before.rates and after.concurrency == before.concurrency
if not same then
  live.tell(name, 'limit_changed', {by = 'operator', limit = name, key = of_key and call.key or nil,
    old = words(before), new = words(after)})
end
return requests.keep(call.request, {same and 'same' or 'changed'})
