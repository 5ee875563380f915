-- Rates as settings write them.
local rates = {}

-- ms that a meter outlives its window, for whoever steps the clock.
local OUTLIVES = 60000

-- permits:window:margin:burst, with burst 0 for "as many as permits". spaced: whether it says how many may start at
-- once; lives: ms for which its meter is kept.
local function rate_of(n, window, margin, most)
  local span = tonumber(window) + tonumber(margin)
  local permits, burst = tonumber(n), tonumber(most)
  return {permits = permits, window = window, span = span, burst = burst, spaced = burst > 0 and burst < permits,
    lives = digits(math.ceil(span / 1000) + OUTLIVES)}
end

-- Rates are parted by ";". Returns a list of them, and the fewest permits among them.
function rates.read(text)
  local found, most = {}, math.huge
  for n, window, margin, burst in (text or ''):gmatch('(%d+):(%d+):(%d+):(%d+)') do
    found[#found + 1] = rate_of(n, window, margin, burst)
    most = math.min(most, tonumber(n))
  end
  return found, most
end

-- The file's rates under an operator's are idle: they hold nothing back, but what is admitted counts against
-- them, so that to go back to them is no fresh start.
function rates.add_idle(found, file)
  local in_force = {}
  for _, r in ipairs(found) do in_force[r.window], r.own = true, true end
  for _, r in ipairs((rates.read(file))) do
    if not in_force[r.window] then
      r.idle = true
      found[#found + 1] = r
    end
  end
end
