"use strict";
// What Prometheus is told (text format 0.0.4).

/** Seconds of the buckets of durations. */
const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const prefix = "secure_exec_";

/** Why something was refused. */
const reasons = ["auth", "body", "draining", "frame", "limit", "not_found", "origin", "request"];
/** Names by which clients may not make labels without end. */
const timed = ["exec.run", "exec.start", "exec.attach", "exec.shell", "shell.run", "files"];

class Histogram {
  counts = buckets.map(() => 0);
  sum = 0;
  count = 0;

  add(seconds) {
    this.sum += seconds;
    this.count += 1;
    const index = buckets.findIndex((bound) => seconds <= bound);
    if (index >= 0) this.counts[index] += 1;
  }
}

class Metrics {
  #created = 0;
  #ended = { killed: 0, idle: 0, lifetime: 0, drained: 0 };
  #connections = 0;
  #sent = 0;
  #received = 0;
  #rejected = Object.fromEntries(reasons.map((reason) => [reason, 0]));
  #requests = Object.fromEntries(timed.map((name) => [name, new Histogram()]));
  #inProgress = 0;

  created() {
    this.#created += 1;
  }

  ended(why) {
    this.#ended[why] += 1;
  }

  connected() {
    this.#connections += 1;
    return () => {
      this.#connections -= 1;
    };
  }

  sent(bytes) {
    this.#sent += bytes;
  }

  received(bytes) {
    this.#received += bytes;
  }

  rejected(reason) {
    this.#rejected[reason] += 1;
  }

  /** Times a request of a sandbox. */
  observe(method, done) {
    const name = method.startsWith("files.") ? "files" : method;
    const began = performance.now();
    this.#inProgress += 1;
    const over = () => {
      this.#inProgress -= 1;
      if (Object.hasOwn(this.#requests, name)) {
        this.#requests[name].add((performance.now() - began) / 1000);
      }
    };
    done.then(over, over);
  }

  /** @param {{ sandboxes: number, sessions: number, isDraining: boolean }} now */
  text({ sandboxes, sessions, isDraining }) {
    const lines = [
      ...metric("sandboxes", "gauge", "Sandboxes that live.", [["", sandboxes]]),
      ...metric("sessions_running", "gauge", "Sessions of which the command runs.", [
        ["", sessions],
      ]),
      ...metric("connections", "gauge", "WebSockets that are open.", [["", this.#connections]]),
      ...metric("requests_in_progress", "gauge", "Requests that are being done.", [
        ["", this.#inProgress],
      ]),
      ...metric("draining", "gauge", "1 while the server takes no new sandboxes.", [
        ["", Number(isDraining)],
      ]),
      ...metric("sandboxes_created_total", "counter", "Sandboxes that were made.", [
        ["", this.#created],
      ]),
      ...metric(
        "sandboxes_ended_total",
        "counter",
        "Sandboxes that have ended, and why.",
        labelled("why", this.#ended),
      ),
      ...metric(
        "rejected_total",
        "counter",
        "What was refused, and why.",
        labelled("reason", this.#rejected),
      ),
      ...metric("sent_bytes_total", "counter", "Bytes of output and results to clients.", [
        ["", this.#sent],
      ]),
      ...metric("received_bytes_total", "counter", "Bytes of messages from clients.", [
        ["", this.#received],
      ]),
      ...metric("process_held_bytes", "gauge", "Bytes of the server's objects and buffers.", [
        ["", heldBytes()],
      ]),
      ...metric(
        "process_resident_memory_bytes",
        "gauge",
        "Resident memory of the server itself, without the machines.",
        [["", process.memoryUsage.rss()]],
      ),
      ...this.#durations(),
    ];
    return `${lines.join("\n")}\n`;
  }

  #durations() {
    const name = `${prefix}request_duration_seconds`;
    const lines = [`# HELP ${name} How long requests took.`, `# TYPE ${name} histogram`];
    for (const [method, { counts, sum, count }] of Object.entries(this.#requests)) {
      let below = 0;
      for (const [index, bound] of buckets.entries()) {
        below += counts[index];
        lines.push(`${name}_bucket{method="${method}",le="${bound}"} ${below}`);
      }
      lines.push(`${name}_bucket{method="${method}",le="+Inf"} ${count}`);
      lines.push(
        `${name}_sum{method="${method}"} ${sum}`,
        `${name}_count{method="${method}"} ${count}`,
      );
    }
    return lines;
  }
}

function heldBytes() {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function metric(name, type, help, samples) {
  const whole = `${prefix}${name}`;
  return [
    `# HELP ${whole} ${help}`,
    `# TYPE ${whole} ${type}`,
    ...samples.map(([labels, value]) => `${whole}${labels} ${value}`),
  ];
}

function labelled(label, values) {
  return Object.entries(values).map(([name, value]) => [`{${label}="${name}"}`, value]);
}

module.exports = { Metrics };
