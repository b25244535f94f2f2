import { defineConfig } from 'vitest/config';

// Vitest would leave one core alone: half of the machines that have two.
const maxWorkers = '100%';

export default defineConfig({
  test: {
    maxWorkers,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**'],
          testTimeout: 20_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 2, // each is a browser, a gateway and an application
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
