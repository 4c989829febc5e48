// Models and words are tested without a browser; what is drawn is tested in a real JupyterLab.
module.exports = {
  testEnvironment: 'jsdom',
  testMatch: ['<rootDir>/src/**/__tests__/**/*.test.ts?(x)'],
  transform: {
    '\\.tsx?$': [
      'ts-jest',
      {
        tsconfig: {
          module: 'commonjs',
          jsx: 'react',
          esModuleInterop: true,
          isolatedModules: true
        }
      }
    ]
  },
  collectCoverageFrom: ['src/**/*.{ts,tsx}']
};
