import { it } from 'vitest';
import { soak } from './soak.ts';

it('runs nothing twice and claims nothing falsely in two minutes with a restart every ten seconds', async () => {
  await soak({ seconds: 120, restartEvery: 10 });
}, 180_000);
