-- append_lines: appends lines to one stream, and their ids to the indexes of their jobs, once per request.
--
-- KEYS[1]  log      stream of the workstream, or of the app
-- KEYS[2]  request  string, set while a re-send of this call may still come
-- KEYS[3…] indexes  lists, one for each job that has lines here
-- ARGV[1]  age      ms that lines are kept
-- ARGV[2]  size     bytes the stream may use
-- ARGV[3]  capacity stream ids that one index holds
-- ARGV[4]  remember ms that the request is remembered
-- ARGV[5…] three words a line: place of its index among the indexes (0 for none), job id or "", JSON
-- Returns  how many lines were appended; 0 when this request was carried out before

local log, request = KEYS[1], KEYS[2]
local age, size, capacity, remember = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]

-- A refusal by XADD would come after the request is remembered, and a re-send would look carried out.
local kind = redis.call('TYPE', log).ok
if kind ~= 'stream' and kind ~= 'none' then
  return redis.error_reply('WRONGTYPE expected a stream as the log, found a ' .. kind)
end
if not redis.call('SET', request, '1', 'NX', 'PX', remember) then return 0 end

local appended, bytes = 0, 0
for i = 5, #ARGV, 3 do
  local id = redis.call('XADD', log, '*', 'o', ARGV[i + 2], 'j', ARGV[i + 1])
  local place = tonumber(ARGV[i])
  if place > 0 then redis.call('RPUSH', KEYS[2 + place], id) end
  appended, bytes = appended + 1, bytes + #ARGV[i + 1] + #ARGV[i + 2]
end
for n = 3, #KEYS do
  redis.call('LTRIM', KEYS[n], -capacity, -1)
  redis.call('PEXPIRE', KEYS[n], age)
end

local time = redis.call('TIME')
local oldest = tonumber(time[1]) * 1000 - age
if oldest > 0 then redis.call('XTRIM', log, 'MINID', '~', string.format('%.0f', oldest)) end

logs.trim(log, size, appended, bytes, tonumber(time[1]) * 1000000 + tonumber(time[2]))
return appended
