-- A rate over another window than before begins with what is known of the past: the longest
-- log there is, so that a changed window is no fresh start. What lies further back than any
-- log reached was admitted under the limits of its time.
local history = {}

function history.carry(settings_key, before, after)
  local base = settings_key:match('^(.*):settings$')
  local had, longest = {}, nil
  for window in before:gmatch('%d+:(%d+):%d+:%d+') do
    had[window] = true
    if not longest or tonumber(window) > tonumber(longest) then longest = window end
  end
  for window in after:gmatch('%d+:(%d+):%d+:%d+') do
    if longest and not had[window] then history.copy(base, longest, window) end
  end
end

function history.copy(base, from, to)
  local entries, sum = redis.call('LRANGE', base .. ':log:' .. from, 0, -1), 0
  redis.call('DEL', base .. ':log:' .. to)
  for _, entry in ipairs(entries) do
    redis.call('RPUSH', base .. ':log:' .. to, entry)
    sum = sum + tonumber(entry:match(':(.+)$'))
  end
  redis.call('HSET', base .. ':rate', 'sum' .. to, sum)
  redis.call('HDEL', base .. ':rate', 'tat' .. to, 'cell' .. to)
end
