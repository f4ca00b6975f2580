% LIF trials in Octave, vectorised over units. usage: octave-cli lif_octave.m NETWORK.mat COUNT
a = argv(); load(a{1}); count = str2double(a{2});
dt = 0.00005; tau_m = 0.01; tau_r = 0.002; td = tau(:) / 1000; n = numel(td); steps = 100 * size(u, 2);
ed = exp(-dt ./ td); er = exp(-dt / tau_r); seconds = zeros(1, count); right = 0; spikes = 0;
for b = 1:count
  tic;
  drive = w_in * reshape(u(b, :, :), size(u, 2), size(u, 3))';
  v = -65 + 95 * rand(n, 1); ipsc = h = r = hr = last = zeros(n, 1); out = zeros(1, steps);
  for i = 1:steps
    I = ipsc - 40 + drive(:, min(floor((i + 50) / 100) + 1, columns(drive)));
    v = v + dt * ((dt * i > last + 0.002) .* (-v + I) / tau_m) + 0.1 * randn(n, 1);
    s = v >= -40;
    ipsc = ipsc .* ed + h * dt; h = h * er; r = r .* ed + hr * dt; hr = hr * er;
    if any(s)
      last(s) = dt * i; h = h + sum(w(:, s), 2) ./ (tau_r * td); hr(s) = hr(s) + 1 ./ (tau_r * td(s));
      v(s) = -65; spikes += sum(s);
    end
    out(i) = w_out * r;
  end
  seconds(b) = toc;
  if strcmp(task, 'go-nogo')
    o = out(10000:end);
    if condition(b) == 1, right += max(o) > 0.7; else, right += max(o) < 0.3; end
  else
    o = out(26000:end);
    if mod(condition(b), 2) == 1, right += max(o) > 0.7; else, right += min(o) < -0.7; end
  end
end
printf('{"median_s": %g, "performance": %g, "rate_hz": %g}\n', median(seconds), right / count, spikes / (count * n * steps * dt));
