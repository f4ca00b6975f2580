% Runs an exported LIF network without noise and compares its spikes with those of an evaluation.
%
%   octave-cli examples/octave/lif_raster.m NETWORK.mat TRIALS.mat EVAL.mat
%
% The files are made by
%
%   make-trials --config configs/go-nogo.json --trials 4 -o trials.safetensors
%   eval-lif lif.safetensors --trials trials.safetensors -o eval.safetensors --set lif.mode=exact \
%     --set lif.noise_sd_mv_per_step=0 --set lif.v_initial_max_mv=-65
%   export-network lif.safetensors -o NETWORK.mat
%   export-network trials.safetensors -o TRIALS.mat
%   export-network eval.safetensors -o EVAL.mat
%
%   I     = IPSC + bias + W_in u
%   v    += dt/tau_m (I - v) [dt i > t_last + t_ref]
%   spike = v >= v_peak;  t_last = dt i there;  J = W spike
%   IPSC  = IPSC e^(-dt/tau_d) + h dt;  h = h e^(-dt/tau_r) + J/(tau_r tau_d)        (IPSC uses the old h)
%   v     = v_reset where spike
%
% in double precision, in this order; all potentials start at v_reset. Prints spikes and differences; fails if there are any.

1;

% Weights as seen by the units, and time constants in seconds. Time constants are stored in single precision.
function [w, w_in, tau_d] = network(file)
  n = load(file);
  w = ((double(n.w) .* diag(double(n.m))') .* double(n.som_m)) / n.opt_scaling_factor;
  w_in = double(n.w_in);
  bounds = n.taus * 5;
  if numel(bounds) == 2
    tau_ms = 1 ./ (1 + exp(-double(n.taus_gaus))) * (bounds(2) - bounds(1)) + bounds(1);
  else
    tau_ms = bounds * ones(rows(w), 1);
  end
  tau_d = double(single(tau_ms)) / 1000;
end

% Spikes [step, unit] of one trial; u is [K, T] in samples of 100 steps, the first of 49 and the last of 51.
function spikes = simulate(w, w_in, tau_d, u)
  dt = 0.00005; tau_m = 0.01; tau_r = 0.002; t_ref = 0.002; v_reset = -65; v_peak = -40; bias = v_peak;
  decay_d = exp(-dt ./ tau_d); decay_r = exp(-dt / tau_r); spread = tau_r * tau_d;
  units = rows(w);
  v = v_reset * ones(units, 1); ipsc = h = t_last = zeros(units, 1);
  spikes = cell(1, 100 * columns(u)); drive = w_in * u;
  for i = 1:numel(spikes)
    sample = min(floor((i + 50) / 100) + 1, columns(u));
    current = (ipsc + bias) + drive(:, sample);
    gate = dt * i > t_last + t_ref;
    v = v + dt * ((gate .* (-v + current)) / tau_m);
    spike = v >= v_peak;
    t_last = t_last + (dt * i - t_last) .* spike;
    ipsc = ipsc .* decay_d + h * dt;
    h = h * decay_r;
    if any(spike)
      h = h + sum(w(:, spike), 2) ./ spread;
      v(spike) = v_reset;
      spikes{i} = [i * ones(sum(spike), 1), find(spike) - 1];
    end
  end
  spikes = vertcat(zeros(0, 2), spikes{:});
end

files = argv();
[w, w_in, tau_d] = network(files{1});
trials = load(files{2}); theirs = load(files{3});
different = total = 0;
for trial = 0:double(max(theirs.spike_trial))
  % [T, B, K] to [K, T]
  u = reshape(double(trials.input(:, trial + 1, :)), size(trials.input, 1), [])';
  ours = simulate(w, w_in, tau_d, u);
  of_trial = theirs.spike_trial == trial;
  expected = double([theirs.spike_step(of_trial), theirs.spike_unit(of_trial)]);
  total += rows(expected);
  different += rows(setxor(ours, expected, 'rows'));
end
printf('%d spikes, %d different\n', total, different);
if total == 0 || different > 0, exit(1); end
