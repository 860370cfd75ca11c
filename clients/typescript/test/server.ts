import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** The program under test, as scripts/client built it. */
const program = process.env['HEALTH_EXPORT'] ?? '../../bin/health-export';

/** A running server on an empty database of its own, with a user and a key. */
export class Server {
  private constructor(
    readonly url: string,
    readonly key: string,
    readonly directory: string,
    private readonly child: ChildProcess,
  ) {}

  static async start(): Promise<Server> {
    const directory = mkdtempSync(join(tmpdir(), 'health-export-client-'));
    const database = `sqlite:${join(directory, 'test.db')}`;
    const run = (...args: string[]) => JSON.parse(execFileSync(program, [...args, '--database', database, '--json'], { encoding: 'utf8' }));
    run('user', 'create', 'ada@example.org', '--name', 'Ada', '--time-zone', 'Europe/Berlin');
    const { key } = run('key', 'create', '--user', 'ada@example.org', '--name', 'test', '--tier', 'unlimited');
    const child = spawn(program, ['serve', '--database', database, '--listen', '127.0.0.1:0', '--metrics-listen', 'off'],
      { stdio: ['ignore', 'ignore', 'pipe'] });
    for await (const line of createInterface({ input: child.stderr! })) {
      const message = JSON.parse(line) as { msg: string; listen?: string };
      if (message.msg === 'ready') {
        child.stderr!.resume();
        return new Server(`http://${message.listen}`, key, directory, child);
      }
    }
    throw new Error('the server ended before it was ready');
  }

  async stop(): Promise<void> {
    this.child.kill('SIGTERM');
    await once(this.child, 'exit');
    rmSync(this.directory, { recursive: true });
  }
}

/** A body with every type of data that an export has. */
export const body = {
  data: {
    metrics: [
      {
        name: 'step_count', units: 'count', data: [
          { date: '2026-03-10 08:00:00 +0100', qty: 1200, source: 'Watch|iPhone' },
          { date: '2026-03-10 09:00:00 +0100', qty: 0.5, source: 'Watch|iPhone' },
        ],
      },
      { name: 'heart_rate', units: 'count/min', data: [{ date: '2026-03-10 08:00:00 +0100', Min: 58, Avg: 61.5, Max: 66, source: 'Watch' }] },
      { name: 'blood_pressure', units: 'mmHg', data: [{ date: '2026-03-10 08:05:10 +0100', systolic: 121, diastolic: 79, source: 'Cuff' }] },
      { name: 'blood_oxygen_saturation', units: '%', data: [{ date: '2026-03-10 08:05:30 +0100', qty: 97, source: 'Watch' }] },
      { name: 'weight_body_mass', units: 'kg', data: [{ date: '2026-03-10 08:06:00 +0100', qty: 71.25, source: 'Scale, "new"' }] },
      { name: 'body_mass_index', units: 'count', data: [{ date: '2026-03-10 08:06:00 +0100', qty: 22.5, source: 'Scale, "new"' }] },
      {
        name: 'sleep_analysis', units: 'hr', data: [
          {
            date: '2026-03-10 00:00:00 +0100', source: 'Watch', sleepStart: '2026-03-09 23:00:00 +0100', sleepEnd: '2026-03-10 06:30:00 +0100',
            inBedStart: '2026-03-09 22:50:00 +0100', inBedEnd: '2026-03-10 06:40:00 +0100', totalSleep: 7, core: 4, deep: 1, rem: 2, awake: 0.5, inBed: 7.8,
          },
          { startDate: '2026-03-09 23:00:00 +0100', endDate: '2026-03-09 23:40:00 +0100', value: 'Core', qty: 0.667, source: 'Ring' },
        ],
      },
      { name: 'phase_of_the_moon', units: 'sickle', data: [{ date: '2026-03-10 08:00:00 +0100', qty: 3, source: 'Almanac' }] },
    ],
    workouts: [{
      id: '6F1C2C1E-0000-4000-8000-000000000001', name: 'Outdoor Run', start: '2026-03-10 07:00:00 +0100', end: '2026-03-10 07:30:00 +0100',
      duration: 1800, activeEnergyBurned: { qty: 300, units: 'kcal' },
      heartRateData: [{ date: '2026-03-10 07:01:00 +0100', Min: 120, Avg: 130, Max: 140, units: 'bpm', source: 'Watch' }],
      route: [{ latitude: 52.5, longitude: 13.4, altitude: 34, timestamp: '2026-03-10 07:00:00 +0100', speed: 2.5 }],
    }],
    symptoms: [{ name: 'Headache', start: '2026-03-10 14:00:00 +0100', end: '2026-03-10 16:00:00 +0100', severity: 'Mild', source: 'Health' }],
    ecg: [{
      start: '2026-03-10 12:00:00 +0100', end: '2026-03-10 12:00:30 +0100', classification: 'Sinus Rhythm', averageHeartRate: 62,
      samplingFrequency: 512, source: 'Watch',
      voltageMeasurements: [
        { date: '2026-03-10 12:00:00 +0100', voltage: 12.5, units: 'mcV' }, { date: '2026-03-10 12:00:00 +0100', voltage: -3, units: 'mcV' },
      ],
    }],
  },
};
