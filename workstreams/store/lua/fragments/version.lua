-- Versions are compared number by number (2.10 after 2.9); 1.0rc1 comes before 1.0.
local versions = {}

function versions.is_older(mine, stored)
  local numbers, rest = {}, {}
  for i, version in ipairs({mine, stored}) do
    local plain, tail = version:match('^([%d%.]*)(.*)$')
    numbers[i], rest[i] = {}, tail
    for n in plain:gmatch('%d+') do numbers[i][#numbers[i] + 1] = tonumber(n) end
  end
  for i = 1, math.max(#numbers[1], #numbers[2]) do
    local x, y = numbers[1][i] or 0, numbers[2][i] or 0
    if x ~= y then return x < y end
  end
  if rest[1] == '' or rest[2] == '' then return rest[1] ~= '' and rest[2] == '' end
  return rest[1] < rest[2]
end
