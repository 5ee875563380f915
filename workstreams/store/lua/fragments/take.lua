-- Takes jobs that every gate has room for, writes their leases, and says what it gave.
local taking = {}

-- Jobs looked at in one call: what cannot run leaves the line too, and Redis serves nobody else.
local MOST = 250

local JOB_FIELDS = {'body', 'options', 'attempt', 'deliveries', 'actor', 'cost', 'key', 'state'}

function taking.shared_limits(ws)
  local names = {}
  for _, name in ipairs(settings.of(ws).limits) do
    if name ~= ws then names[#names + 1] = name end
  end
  return table.concat(names, ',')
end

function taking.lease(ws, id, job, caller, took)
  local delivery, attempt = tonumber(job[4] or 0) + 1, tonumber(job[3] or 0) + 1
  local member = keys.member(id, delivery)
  redis.call('HSET', keys.job(ws, id), 'state', 'running', 'deliveries', delivery, 'started', clock.text,
    'session', caller.sid, 'worker', caller.worker, 'took', took)
  batch.zadd(keys.ws(ws, 'running'), clock.text, member)
  for name in took:gmatch('[^,]+') do batch.zadd(keys.limit(name, 'holders'), clock.text, member) end
  batch.zadd(keys.held(caller.sid), digits(clock.now + settings.of(ws).bound), ws .. '/' .. member)
  events.of_job(ws, 'started', 'debug', {id = id, actor = job[5], attempt = attempt, key = job[7], worker = caller.worker})
  return {ws, id, delivery, job[1], job[2], attempt, job[7], clock.text}
end

-- A job that could never start would hold its key up for ever: a rate was lowered below it.
function taking.bury_dear(ws, id, job, cost, limit)
  local reason = {type = 'CostTooHigh', message = string.format('it costs %g, and the limit "%s" allows %g in a window',
    cost, limit.name, limit.most)}
  jobs.die(ws, {id = id, actor = job[5], attempt = tonumber(job[3] or 0) + 1, key = job[7]}, cjson.encode(reason))
end

-- Takes from one key while there is room. Returns how many left the set, their cost, and the
-- cost of the job that did not fit (nil if none was refused).
function taking.from_key(ws, ids, room, caller, took, grants)
  local removed, spent = 0, 0
  for _, id in ipairs(ids) do
    local job = redis.call('HMGET', keys.job(ws, id), unpack(JOB_FIELDS))
    if job[1] and job[8] == 'waiting' then
      local cost = tonumber(job[6] or 1)
      local dear = settings.too_dear(ws, cost)
      if dear then
        taking.bury_dear(ws, id, job, cost, dear)
      elseif not gate.fits(room, cost) then
        return removed, spent, cost
      else
        grants[#grants + 1] = taking.lease(ws, id, job, caller, took)
        gate.spend(room, cost)
        spent = spent + cost
      end
    end
    removed = removed + 1
  end
  return removed, spent, nil
end

-- Returns how many of `asked` were given, how many left the ready sets, and the cost of the
-- first job that did not fit.
function taking.jobs(ws, asked, room, caller, grants)
  local before, total, gone, refused = #grants, 0, 0, nil
  local took = taking.shared_limits(ws)
  repeat
    local left = math.min(asked - (#grants - before), MOST)
    local key, most, turn, alone = ready.next_key(ws, math.max(left, 1))
    if left < 1 or not key then break end
    local ids = redis.call('ZRANGE', keys.ready(ws, key), 0, most - 1)
    local removed, spent
    removed, spent, refused = taking.from_key(ws, ids, room, caller, took, grants)
    ready.remove(ws, key, removed, turn, alone)
    total, gone = total + spent, gone + removed
  until refused or gone >= MOST
  batch.flush()
  local given = #grants - before
  if given > 0 then
    gate.charge(ws, total)
    events.count(ws, 'started', given)
  end
  return given, gone, refused
end
