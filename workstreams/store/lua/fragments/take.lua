-- Takes jobs that every gate has room for, writes their leases, and says what it gave.
-- MOST: jobs looked at in one call; what cannot run leaves the line too, and Redis serves nobody else.
local taking = {MOST = 250}

local JOB_FIELDS = {'body', 'options', 'attempt', 'deliveries', 'actor', 'cost', 'key', 'state', 'crashes'}

function taking.shared_limits(ws)
  local names = {}
  for _, name in ipairs(settings.of(ws).limits) do
    if name ~= ws then names[#names + 1] = name end
  end
  return table.concat(names, ',')
end

-- by: what is the same for all that the caller takes in this call.
function taking.lease(ws, id, job, caller, by)
  local delivery, attempt = tonumber(job[4] or 0) + 1, tonumber(job[3] or 0) + 1
  local record, member, key = keys.job(ws, id), keys.member(id, digits(delivery)), job[7] or ''
  if by.took == '' and delivery == 1 then
    redis.call('HSET', record, 'state', 'running', 'deliveries', delivery, 'started', clock.text, 'session', by.session)
  else
    redis.call('HSET', record, 'state', 'running', 'deliveries', delivery, 'started', clock.text, 'session', by.session,
      'took', by.took)
  end
  batch.zadd(by.running, clock.text, member)
  for _, holders in ipairs(by.holders) do batch.zadd(holders, clock.text, member) end
  batch.zadd(by.held, by.bound, ws .. '/' .. member)
  events.of_job(ws, 'started', 'debug', {id = id, actor = job[5], attempt = attempt, key = key, worker = caller.worker})
  return {ws, id, delivery, job[1], job[2] or '{}', attempt, key, clock.text}
end

function taking.by(ws, caller)
  local took, holders = taking.shared_limits(ws), {}
  for name in took:gmatch('[^,]+') do holders[#holders + 1] = keys.limit(name, 'holders') end
  return {took = took, holders = holders, running = keys.ws(ws, 'running'), held = keys.held(caller.sid),
    bound = digits(clock.now + settings.of(ws).bound), session = caller.sid .. ' ' .. caller.worker}
end

-- A job that could never start would hold its key up for ever: a rate was lowered below it.
function taking.bury_dear(ws, id, job, cost, limit)
  local reason = {type = 'CostTooHigh', message = string.format('it costs %g, and the limit "%s" allows %g in a window',
    cost, limit.name, limit.most)}
  jobs.die(ws, {id = id, actor = job[5], attempt = tonumber(job[3] or 0) + 1, key = job[7] or ''}, cjson.encode(reason))
end

-- A job that has ended its process as often as it may but once is on its last chance. In one
-- process there is one of them at a time: should that process end as well, it is known who did it, and
-- its neighbours are not blamed.
local SET_ASIDE = 500000

function taking.is_suspect(job, caller) return caller.most > 1 and tonumber(job[9] or 0) >= caller.most - 1 end

function taking.has_suspect(caller)
  if caller.risks == nil then
    local suspect = redis.call('HGET', keys.session(caller.sid), 'suspect')
    caller.risks = suspect and redis.call('ZSCORE', keys.held(caller.sid), suspect) and true or false
  end
  return caller.risks
end

function taking.risk(ws, grant, caller)
  caller.risks = true
  redis.call('HSET', keys.session(caller.sid), 'suspect', ws .. '/' .. keys.member(grant[2], digits(grant[3])))
end

-- It makes way for what stands behind it, and is offered again soon, in its place.
function taking.set_aside(ws, id)
  redis.call('HSET', keys.job(ws, id), 'state', 'scheduled', 'due', digits(clock.now + SET_ASIDE))
  jobs.schedule(ws, id, clock.now + SET_ASIDE)
end

-- Takes from one key while there is room. Returns how many left the set, their cost, and the
-- cost of the job that did not fit (nil if none was refused).
function taking.from_key(ws, ids, room, caller, by, grants)
  local removed, spent = 0, 0
  for _, id in ipairs(ids) do
    local job = redis.call('HMGET', keys.job(ws, id), unpack(JOB_FIELDS))
    if job[1] and job[8] == 'waiting' then
      local cost = tonumber(job[6] or 1)
      local dear = settings.too_dear(ws, cost)
      local suspect = taking.is_suspect(job, caller)
      if dear then
        taking.bury_dear(ws, id, job, cost, dear)
      elseif suspect and taking.has_suspect(caller) then
        taking.set_aside(ws, id)
      elseif not gate.fits(room, cost) then
        return removed, spent, cost
      else
        grants[#grants + 1] = taking.lease(ws, id, job, caller, by)
        if suspect then taking.risk(ws, grants[#grants], caller) end
        gate.spend(room, cost)
        spent = spent + cost
      end
    end
    removed = removed + 1
  end
  return removed, spent, nil
end

-- Takes from the head of the line on. Returns how many of `asked` were given, how many left the
-- line, and the cost of the first job that did not fit.
function taking.jobs(ws, asked, room, caller, grants, head)
  local before, total, gone, refused = #grants, 0, 0, nil
  local by = taking.by(ws, caller)
  while head do
    local removed, spent
    removed, spent, refused = taking.from_key(ws, head.ids, room, caller, by, grants)
    ready.remove(ws, head, removed)
    total, gone = total + spent, gone + removed
    local left = math.min(asked - (#grants - before), taking.MOST)
    if refused or left < 1 or gone >= taking.MOST then break end
    head = ready.head(ws, left)
  end
  batch.flush()
  local given = #grants - before
  if given > 0 then
    gate.charge(ws, total)
    events.count(ws, 'started', given)
  end
  return given, gone, refused
end
