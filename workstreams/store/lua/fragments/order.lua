-- The first keys in a workstream's line, and their turns, as a call knows them: read in one piece, moved here, and
-- written in one piece by `flush`, which comes before anything else reads the line.
local order = {}

calls.gathers(order, 'of')

local function read(ws, want)
  local found = redis.call('ZRANGE', keys.ws(ws, 'keys'), 0, want - 1, 'WITHSCORES')
  -- whole: these are all there are; placed: what is to be written, false for what leaves.
  local line = {names = {}, turns = {}, whole = #found < 2 * want, placed = {}, taken = 0}
  for i = 1, #found, 2 do
    line.names[#line.names + 1] = found[i]
    line.turns[found[i]] = tonumber(found[i + 1])
  end
  line.count = line.whole and #line.names or redis.call('ZCARD', keys.ws(ws, 'keys'))
  order.of[ws] = line
  return line
end

-- want: how many keys the caller may need.
function order.line(ws, want)
  local line = order.of[ws]
  if line and (line.names[1] or line.whole) then return line end
  order.flush(ws)
  return read(ws, want)
end

local function take_out(line, key)
  for i, name in ipairs(line.names) do
    if name == key then
      table.remove(line.names, i)
      return
    end
  end
end

-- A key leaves the line.
function order.remove(line, key)
  take_out(line, key)
  line.placed[key], line.count = false, line.count - 1
end

-- A key moves to a later turn; of the same turn the names decide, as in a sorted set.
function order.move(line, key, turn)
  take_out(line, key)
  line.placed[key], line.turns[key] = turn, turn
  local names, turns, i = line.names, line.turns, #line.names
  -- Behind the last that was read stand others that were not.
  local last = names[i]
  if not line.whole and (not last or turn > turns[last] or (turn == turns[last] and key > last)) then return end
  while i > 0 and (turns[names[i]] > turn or (turns[names[i]] == turn and names[i] > key)) do i = i - 1 end
  table.insert(names, i + 1, key)
end

function order.flush(ws)
  local line = order.of[ws]
  if not line then return end
  order.of[ws] = nil
  local placed, gone = {}, {}
  for key, turn in pairs(line.placed) do
    if turn then
      placed[#placed + 1] = turn
      placed[#placed + 1] = key
    else
      gone[#gone + 1] = key
    end
  end
  batch.send('ZREM', keys.ws(ws, 'keys'), gone)
  batch.send('ZADD', keys.ws(ws, 'keys'), placed)
  if line.taken > 0 then tally.add(ws, -line.taken) end
  if line.moved then redis.call('ZREMRANGEBYSCORE', keys.ws(ws, 'idle'), '-inf', door.of(ws).clock) end
end
