-- publish: what a config file declares becomes what Redis enforces.
--
-- KEYS[1]  clock of the shard
-- ARGV[1]  JSON {request, version, epoch, fresh, workstreams: {name: {field: text}}, limits: {name: {field: text}}}
-- Returns  {epoch, older [name...], changed [name...]}
--
-- The higher version's settings win in a roll-out; equal versions: the last to start wins.
-- Overrides are kept apart and untouched.

local call = cjson.decode(ARGV[1])
local answered = requests.answer(call.request)
if answered then return answered end
clock.read(call.epoch, call.fresh)

-- What settings say is there beside them: where they were deleted, it is there all the same.
local BESIDE = {live = 'overrides', key_live = 'key_overrides', holds = 'held'}

local function note_what_stands_beside(key)
  local base = key:match('^(.*)settings$')
  for field, place in pairs(BESIDE) do
    if redis.call('EXISTS', base .. place) == 1 then redis.call('HSET', key, field, '1') end
  end
end

-- Returns 'new' | 'same' | 'changed' | 'older'.
local function write(key, fields)
  local stored, flat = {}, redis.call('HGETALL', key)
  for i = 1, #flat, 2 do stored[flat[i]] = flat[i + 1] end
  if stored.version and versions.is_older(call.version, stored.version) then return 'older' end
  local verdict = stored.version and 'same' or 'new'
  for field, value in pairs(fields) do
    if stored.version and stored[field] ~= value then verdict = 'changed' end
  end
  if verdict == 'changed' and fields.rates then
    local base = key:match('^(.*)settings$')
    -- A window that an operator's rate holds has a meter that is true, whatever the file said.
    local set = stored.live == '1' and redis.call('HGET', base .. 'overrides', 'rates') or ''
    history.carry(base .. 'meter:', set .. ';' .. (stored.rates or ''), set .. ';' .. fields.rates)
  end
  local of_keys = verdict == 'changed' and fields.key_rates
    and (stored.key_rates ~= fields.key_rates or stored.key_concurrency ~= fields.key_concurrency)
  if of_keys then redis.call('HSET', key, 'key_past', history.of_keys(stored, fields.key_rates)) end
  for field, value in pairs(fields) do redis.call('HSET', key, field, value) end
  redis.call('HSET', key, 'version', call.version)
  if verdict == 'new' then note_what_stands_beside(key) end
  return verdict, of_keys
end

local verdicts = {}
for name, fields in pairs(call.limits) do
  local before = settings.limit(name)
  verdicts[name] = write(keys.limit(name, 'settings'), fields)
  if verdicts[name] ~= 'same' then memory.forget_settings() end
  if verdicts[name] == 'changed' then respace.limit(before, settings.limit(name)) end
  redis.call('HSETNX', keys.limit(name, 'rate'), 'from', clock.text)
end
for name, fields in pairs(call.workstreams) do
  local verdict, of_keys = write(keys.ws(name, 'settings'), fields)
  memory.forget_settings()
  if of_keys then turns.recheck(name) end
  if verdict == 'changed' then
    adopt.running(name)
    guests.adopt(name)
  end
  if verdict ~= 'same' then verdicts[name] = verdict end
  redis.call('SADD', keys.root .. 'workstreams', name)
end

local older, changed = {}, {}
for name, verdict in pairs(verdicts) do
  if verdict == 'older' then older[#older + 1] = name end
  if verdict == 'changed' then
    changed[#changed + 1] = name
    if call.workstreams[name] then
      events.of_workstream(name, 'limit_changed', 'info', cjson.encode({by = 'config', version = call.version}))
    end
  end
end
if #changed > 0 then
  for ws in pairs(call.workstreams) do latch.open(ws) end
  redis.call('PUBLISH', keys.root .. 'wake:all', '* now')
end
return requests.keep(call.request, {clock.epoch, older, changed})
