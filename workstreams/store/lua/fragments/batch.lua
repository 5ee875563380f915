-- Commands that many jobs of one call give to the same key are gathered and sent as one:
-- crossing from Lua into a command costs more than most commands themselves.
local batch = {}

local CHUNK, COMMANDS = 1000, {'ZREM', 'ZADD'}

-- By command and key.
local waiting = {}

calls.gathers(waiting, 'ZADD', 'ZREM')

local function list_of(command, key)
  local list = waiting[command][key]
  if not list then
    list = {}
    waiting[command][key] = list
  end
  return list
end

function batch.zadd(key, score, member)
  local list = list_of('ZADD', key)
  list[#list + 1] = score
  list[#list + 1] = member
end

function batch.zrem(key, member)
  local list = list_of('ZREM', key)
  list[#list + 1] = member
end

-- Lua's stack holds some thousands of arguments; a pair must not be cut in two. Returns how many
-- members the command changed.
function batch.send(command, key, list)
  if #list <= CHUNK then return list[1] and redis.call(command, key, unpack(list)) or 0 end
  local changed = 0
  for first = 1, #list, CHUNK do
    changed = changed + redis.call(command, key, unpack(list, first, math.min(first + CHUNK - 1, #list)))
  end
  return changed
end

-- To be called before anything reads what was gathered: a gate counts who runs. One key that holds something else
-- keeps none of the others from being written.
function batch.flush()
  local failure = nil
  for i = 1, #COMMANDS do
    local command = COMMANDS[i]
    local lists = waiting[command]
    for key, list in pairs(lists) do
      lists[key] = nil
      local fine, why = pcall(batch.send, command, key, list)
      if not fine then failure = failure or why end
    end
  end
  if failure then error(failure, 0) end
end
