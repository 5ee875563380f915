-- Jobs that run when a limit is new to their workstream, or a concurrency new to their key, hold a slot of
-- it as well: from then on it holds over all that run.
local adopt = {}

-- What a job took, as its record has it, with all that holds now. Returns nil when that is nothing more.
local function with_new(ws, member, start, took, key)
  local had, more = {}, false
  for name in took:gmatch('[^,:]+') do had[#had + 1], had[name] = name, true end
  for _, name in ipairs(settings.of(ws).limits) do
    if name ~= ws and not had[name] then
      redis.call('ZADD', keys.limit(name, 'holders'), start, member)
      had[#had + 1], more = name, true
    end
  end
  local own, slotted = settings.key(ws, key), took:sub(-1) == release.OF_KEY
  if own and own.concurrency and not slotted then
    redis.call('ZADD', own.holders, start, member)
    slotted, more = true, true
  end
  return more and table.concat(had, ',') .. (slotted and release.OF_KEY or '') or nil
end

-- To be called when the settings of a workstream, or of one of its keys, have changed.
function adopt.running(ws)
  local running = redis.call('ZRANGE', keys.ws(ws, 'running'), 0, -1, 'WITHSCORES')
  for i = 1, #running, 2 do
    local record = keys.job(ws, running[i]:match('^(.*)~%d+$') or '')
    local read = redis.call('HMGET', record, 'state', 'took', 'key')
    local took = read[1] == 'running' and with_new(ws, running[i], running[i + 1], read[2] or '', read[3] or '')
    if took then redis.call('HSET', record, 'took', took) end
  end
end
