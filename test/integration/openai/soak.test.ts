import { it } from 'vitest';
import { soak } from './soak.ts';

it('runs nothing twice and claims nothing falsely while the service restarts (short)', async () => {
  await soak({ seconds: 6, restartEvery: 1.5 });
}, 40_000);
