-- What is written at a workstream's gate: for how long it is shut, who keeps its timer, and the clock of its turns. Read
-- once, written once at the end of a call; '' stands for nothing.
local door = {}

calls.gathers(door, 'changed')

local FIELDS = {'clock', 'owner', 'at', 'deputy', 'deputy_at', 'why', 'limit', 'until', 'need'}

function door.of(ws)
  local known = memory.now.doors[ws]
  if known then return known end
  local read = redis.call('HMGET', keys.ws(ws, 'gate'), unpack(FIELDS))
  known = {}
  for i, field in ipairs(FIELDS) do known[field] = read[i] or '' end
  memory.now.doors[ws] = known
  return known
end

-- Writes pairs of fields and texts.
function door.write(ws, ...)
  local known, pairs_of = door.of(ws), {...}
  for i = 1, #pairs_of, 2 do
    local field, text = pairs_of[i], pairs_of[i + 1]
    if known[field] ~= text then
      known[field] = text
      door.changed[ws] = door.changed[ws] or {}
      door.changed[ws][field] = text
    end
  end
end

calls.end_with(function()
  for ws, fields in pairs(door.changed) do
    local list = {}
    for field, text in pairs(fields) do
      list[#list + 1] = field
      list[#list + 1] = text
    end
    redis.call('HSET', keys.ws(ws, 'gate'), unpack(list))
  end
end)
