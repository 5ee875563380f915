-- Every death is told, however it came about, to the actor that the job's or its actor's `on_dead` names.
-- `actors` says where that one's jobs wait. It is told at the end of a call: a gate may be taking
-- from the very place where the order goes.

local function object(text)
  local fine, found = pcall(cjson.decode, text or '')
  return fine and type(found) == 'table' and found or {}
end

-- A message as text. What is in it is never decoded and written again: large numbers and empty
-- lists would not come back as they were.
local function message(ws, actor, id, args)
  return '"queue_name":' .. cjson.encode(ws) .. ',"actor_name":' .. cjson.encode(actor) .. ',"args":[' .. args
    .. '],"kwargs":{},"message_id":' .. cjson.encode(id) .. ',"message_timestamp":' .. digits(math.floor(clock.now / 1000))
end

-- Sends the order that tells of a death. Returns where it waits.
function jobs.tell_death(ws, job, reason, read)
  local actors, actor, own, died = keys.root .. 'actors', read[4] or '', object(read[2]), object(reason)
  local of_actor = object(redis.call('HGET', actors, actor))
  local name = own.on_dead or of_actor.on_dead
  if type(name) ~= 'string' then return nil end
  local to = object(redis.call('HGET', actors, name))
  if not to.w then error('no worker has told where the jobs of "' .. name .. '" wait') end
  local retries = {retries = own.retries or 0, max_retries = own.max_retries, type = died.type, message = died.message}
  if retries.max_retries == nil then retries.max_retries = of_actor.max_retries end
  local body = next(object(read[1])) and read[1]:match('^%s*{(.*)}%s*$') or message(ws, actor, job.id, '')
  local args = '{' .. body .. ',"options":' .. (next(own) and read[2] or '{}') .. '},' .. cjson.encode(retries)
  local function put(id)
    return jobs.put(to.w, id, '', to.shift, to.cost, '', name, '{' .. message(to.w, name, id, args) .. '}', to.opts)
  end
  local id = job.id .. ':dead~' .. (read[3] or '0')
  -- It may die more than once without having been delivered again.
  if not put(id) then put(id .. '~' .. clock.text) end
  return to.w
end

function jobs.tell_deaths()
  if not jobs.deaths[1] then return end
  local told = {}
  for _, d in ipairs(jobs.deaths) do
    local fine, found = pcall(jobs.tell_death, d.ws, d.job, d.reason, d.read)
    if fine then
      told[found or ''] = true
    else
      local why = tostring(type(found) == 'table' and found.err or found)
      events.of_job(d.ws, 'on_dead_failed', 'error', d.job, cjson.encode({reason = why}))
    end
  end
  jobs.deaths, told[''] = {}, nil
  ready.flush()
  for ws in pairs(told) do wake.for_work(ws) end
end
