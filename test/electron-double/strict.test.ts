import { expect, test } from 'vitest';
import { strict } from './strict.ts';

test('a member that the double lacks throws by name', () => {
  const double = strict('app', { quit: () => 'quit' });
  expect(double.quit()).toBe('quit');
  expect(() => (double as unknown as { dock: unknown }).dock).toThrow('app.dock is not in the double.');
});

test('promises and inspectors may look', async () => {
  const double = strict('app', {});
  expect(await double).toBe(double);
});
