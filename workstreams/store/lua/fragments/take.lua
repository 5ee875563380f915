-- Takes jobs that every gate has room for, writes their leases, and says what it gave.
local JOB_FIELDS = {'body', 'options', 'attempt', 'deliveries', 'actor', 'cost', 'bound', 'key', 'state'}

local function shared_limits(ws)
  local names = {}
  for _, name in ipairs(settings_of(ws).limits) do
    if name ~= ws then names[#names + 1] = name end
  end
  return names
end

local function lease_one(ws, id, job, caller, took)
  local delivery = tonumber(job[4] or 0) + 1
  local attempt = tonumber(job[3] or 0) + 1
  local member = member_of(id, delivery)
  redis.call('HSET', job_key(ws, id), 'state', 'running', 'deliveries', delivery, 'started', digits(NOW),
    'session', caller.sid, 'worker', caller.worker, 'took', took)
  redis.call('ZADD', ws_key(ws, 'running'), digits(NOW), member)
  for name in took:gmatch('[^,]+') do redis.call('ZADD', limit_key(name, 'holders'), digits(NOW), member) end
  local bound = tonumber(job[7]) or settings_of(ws).bound
  redis.call('ZADD', held_key(caller.sid), digits(NOW + bound), ws .. '/' .. member)
  job_event(ws, 'started', 'debug', id, job[5], attempt, job[8], caller.worker)
  return {ws, id, delivery, job[1], job[2], attempt, job[8], digits(NOW)}
end

-- Takes from one key while there is room. Returns how many left the set, their total cost,
-- and the cost of the job that did not fit (nil if none was refused).
local function take_from_key(ws, key, ids, slots, units, caller, took, grants)
  local removed, spent = 0, 0
  for _, id in ipairs(ids) do
    local job = redis.call('HMGET', job_key(ws, id), unpack(JOB_FIELDS))
    if not job[1] or job[9] ~= 'waiting' then
      removed = removed + 1
    else
      local cost = tonumber(job[6] or 1)
      if slots < 1 or spent + cost > units then return removed, spent, cost end
      grants[#grants + 1] = lease_one(ws, id, job, caller, took)
      removed, spent, slots = removed + 1, spent + cost, slots - 1
    end
  end
  return removed, spent, nil
end

-- Returns how many of `asked` were given, and the cost of the first job that did not fit.
local function take(ws, asked, slots, units, caller, grants)
  local before, total, refused = #grants, 0, nil
  local took = table.concat(shared_limits(ws), ',')
  while true do
    local left = math.min(asked, slots) - (#grants - before)
    if left < 1 or units - total < 1e-9 then break end
    local key, most, turn = next_key(ws, left)
    if not key then break end
    local ids = redis.call('ZRANGE', ready_key(ws, key), 0, most - 1)
    local removed, spent
    removed, spent, refused = take_from_key(ws, key, ids, left, units - total, caller, took, grants)
    if removed > 0 then remove_first(ws, key, removed, turn) end
    total = total + spent
    if refused or removed == 0 then break end
  end
  local given = #grants - before
  if given > 0 then
    if total > 0 then charge(ws, total) end
    count(ws, 'started', given)
  end
  return given, refused
end
