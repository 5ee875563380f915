-- Takes jobs that every gate has room for, writes their leases, and says what it gave.
-- MOST: jobs looked at in one call; what cannot run leaves the line too, and Redis serves nobody else.
local taking = {MOST = 250}

function taking.shared_limits(ws)
  local names = {}
  for _, name in ipairs(settings.of(ws).limits) do
    if name ~= ws then names[#names + 1] = name end
  end
  return table.concat(names, ',')
end

-- by: what is the same for all that the caller takes in this call. of_key: whether it takes a slot of its key.
function taking.lease(ws, id, job, caller, by, of_key)
  local delivery, attempt, key = tonumber(job[4] or 0) + 1, tonumber(job[3] or 0) + 1, job[7] or ''
  local nth, took = digits(delivery), of_key and by.took_of_key or by.took
  local record, member = by.records .. id, keys.member(id, nth)
  local lease = by.leases .. member
  if of_key then redis.call('ZADD', keys.ws(ws, 'holders:' .. key), clock.text, member) end
  if took == '' and delivery == 1 then
    redis.call('HSET', record, 'state', 'running', 'deliveries', nth, 'started', clock.text, 'session', by.session)
  else
    redis.call('HSET', record, 'state', 'running', 'deliveries', nth, 'started', clock.text, 'session', by.session,
      'took', took)
  end
  batch.zadd(by.running, clock.text, member)
  for i = 1, #by.holders do batch.zadd(by.holders[i], clock.text, member) end
  batch.zadd(by.held, by.bound, lease)
  local running = {id = id, actor = job[5], attempt = attempt, key = key, worker = caller.worker, sid = caller.sid,
    took = took, started = clock.now, sent = job[11], awaited = job[12]}
  memory.now.running[lease] = running
  return {ws, id, delivery, job[1], job[2] or '{}', attempt, key, clock.text}, running
end

local function places(ws)
  local took, holders = taking.shared_limits(ws), {}
  for name in took:gmatch('[^,]+') do holders[#holders + 1] = keys.limit(name, 'holders') end
  return {took = took, took_of_key = took .. release.OF_KEY, holders = holders, records = keys.job(ws, ''),
    leases = ws .. '/', running = keys.ws(ws, 'running')}
end

function taking.by(ws, caller)
  local set = settings.of(ws)
  local by = set.places or places(ws)
  set.places = by
  by.held, by.bound, by.session = keys.held(caller.sid), digits(clock.now + set.bound), caller.sid .. ' ' .. caller.worker
  return by
end

-- Takes from the key at the head while there is room: for its first job the key has it, and the workstream too if the
-- head `fits`. Returns how many left the set, and the cost of
-- the job that did not fit into the workstream (nil if none was refused).
function taking.from_key(ws, head, room, caller, by, grants)
  local slotted = head.room and head.room.slots < math.huge
  for removed, id in ipairs(head.ids) do
    local is_first = removed == 1
    local job = is_first and head.job or line.job(ws, id)
    local cost = is_first and head.cost or costs.read(job[6])
    if not aside.makes_way(ws, id, job, cost, caller) then
      if not (is_first and head.fits) and gate.refuses(room, cost) then return removed - 1, cost end
      if not is_first and head.room and gate.refuses(head.room, cost) then return removed - 1, nil end
      -- Charged first, and granted as soon as it is leased: what fails later is not to lose it.
      gate.spend(room, cost)
      if head.room then gate.spend(head.room, cost) end
      local grant, running = taking.lease(ws, id, job, caller, by, slotted)
      grants[#grants + 1] = grant
      events.of_job(ws, 'started', 'debug', running)
      if aside.is_suspect(job, caller) then aside.risk(ws, grant, caller) end
    end
  end
  return #head.ids, nil
end

-- What comes next in a key of which so many were taken: whether there is anything, and from when on its
-- own limits let that start, nil for now.
function taking.rest(ws, head, removed)
  local next = head.ids[removed + 1] or head.next
  if not next or not head.room then return next, nil end
  if head.room.slots < 1 then return true, math.huge end
  local cost = settings.is_rated(ws) and line.cost(ws, next) or 1
  -- One dearer than its key's rate ever allows is to be buried, and does not wait for that.
  if settings.too_dear(ws, cost, head.key) then return true, nil end
  local _, _, at = gate.refuses(head.room, cost)
  return true, at
end

-- Takes the first `n` jobs of a head out of the line, of which so many started.
function taking.remove(ws, head, n, started)
  if n > 0 then
    redis.call('ZREMRANGEBYRANK', keys.ready(ws, head.key), 0, n - 1)
    head.line.taken = head.line.taken + n
  end
  turns.pass(ws, head, started, taking.rest(ws, head, n))
end

-- Takes from the head of the line on. Returns how many of `asked` were given, the cost of the first job
-- that did not fit, and whether the tries of one call were used up before that.
function taking.jobs(ws, asked, room, caller, grants, head)
  local before, gone, refused, tired = #grants, 0, nil, false
  local by = taking.by(ws, caller)
  while head do
    local had, removed = #grants, nil
    removed, refused = taking.from_key(ws, head, room, caller, by, grants)
    taking.remove(ws, head, removed, #grants - had)
    gone = gone + math.max(removed, 1)
    local left = math.min(asked - (#grants - before), taking.MOST)
    tired = gone >= taking.MOST
    if refused or left < 1 or tired then break end
    head, tired = line.head(ws, left)
  end
  batch.flush()
  rate.flush()
  local given = #grants - before
  if given > 0 then events.count(ws, 'started', given) end
  return given, refused, tired
end
