-- What a job weighs against rates: one number for all of them, or a table from limits to numbers,
-- in which a limit that is not named counts 1. A record keeps it as text.
local costs = {}

function costs.read(text)
  local number = tonumber(text or 1)
  if number then return number end
  local fine, found = pcall(cjson.decode, text)
  return fine and type(found) == 'table' and found or 1
end

-- What it weighs against the rates of one limit. Those of a workstream's keys go by the workstream's name.
function costs.on(cost, name)
  if type(cost) == 'number' then return cost end
  return tonumber(cost[name]) or 1
end
