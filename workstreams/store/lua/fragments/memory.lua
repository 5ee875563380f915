-- What the last call read and this one need not read again. Only operations write what they enforce, and each
-- leaves its time, and the name of its library, at the clock. Where both are those of this library's last call, nobody
-- has written anything since.
--
-- A call that ends as it should, and has changed nothing that is kept here but in here as well, says so with
-- `keep`; any other leaves nothing. What somebody changes by hand is seen after LONGEST.
local memory = {}

local LIBRARY, LONGEST, ROOTS = '<library>', 1000000, 32
local roots, count = {}, 0

calls.begin_with(function() memory.now, memory.keeps = nil, false end)

-- For operations that do not read the clock and change what is kept here.
function memory.forget() redis.call('HSET', keys.clock, 'by', '') end

-- For those that have just written settings, before they read them.
function memory.forget_settings() memory.now.workstreams, memory.now.limits = {}, {} end

local function is_true(last, mark, by, now)
  return last and last.kept and by == LIBRARY and mark == last.mark and now - last.since < LONGEST
end

-- mark, by: as they stand at the clock; now: µs. Returns whether what is in `memory.now` is still true; it is empty if not.
function memory.recall(mark, by, now)
  local last = roots[keys.root]
  if is_true(last, mark, by, now) then
    last.kept, memory.now = false, last
    return true
  end
  if not last then
    -- So many apps on one server are rare, but tests have thousands.
    if count == ROOTS then roots, count = {}, 0 end
    count = count + 1
  end
  memory.now = {since = now, kept = false, sessions = {}, workstreams = {}, limits = {}, doors = {}, running = {}, nobody = {},
    due = {}, waiting = {}}
  roots[keys.root] = memory.now
  return false
end

-- The call writes its time to the clock.
function memory.leave(mark, by)
  memory.now.mark = mark
  if by == LIBRARY then
    redis.call('HSET', keys.clock, 'mark', mark)
  else
    redis.call('HSET', keys.clock, 'mark', mark, 'by', LIBRARY)
  end
end

-- A call after which all of it is true.
function memory.keep() memory.keeps = true end

-- Endings go from the last to the first, so this one comes after what they write.
calls.end_with(function()
  if memory.keeps then memory.now.kept = true end
end)
