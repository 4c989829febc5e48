import jupyter from '@jupyter/eslint-plugin';
import hooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

const FEATURES = [
  'clusters',
  'connect',
  'dashboards',
  'jobs',
  'outputs',
  'panel',
  'profiles',
  'runs',
  'server',
  'ship',
  'starters',
  'status'
];

export default tseslint.config(
  { ignores: ['lib/**', 'node_modules/**', '*.js', '*.mjs', 'style/index.js'] },
  ...tseslint.configs.recommendedTypeChecked.map(config => ({
    files: ['src/**/*.{ts,tsx}'],
    ...config
  })),
  {
    files: ['src/**/*.{ts,tsx}'],
    ignores: ['src/**/__tests__/**'],
    plugins: { jupyter },
    rules: {
      ...jupyter.configs.recommended[0].rules,
      // Plugins are small: all of them together are less than one library.
      'jupyter/prefer-lazy-imports': 'off',
      // It does not see a disposal in `finally`.
      'jupyter/require-disposable-ownership': 'off'
    }
  },
  {
    files: ['src/**/*.{ts,tsx}'],
    plugins: { 'react-hooks': hooks },
    languageOptions: {
      parserOptions: {
        project: './tsconfig.check.json',
        tsconfigRootDir: import.meta.dirname
      }
    },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/naming-convention': [
        'error',
        { selector: 'interface', format: ['PascalCase'], prefix: ['I'] }
      ],
      // Slots of signals are methods, which are called with their object.
      '@typescript-eslint/unbound-method': 'off',
      'react-hooks/rules-of-hooks': 'error',
      'react-hooks/exhaustive-deps': 'error',
      'no-console': 'error',
      eqeqeq: 'error',
      curly: 'error',
      'no-restricted-syntax': [
        'error',
        {
          selector: 'JSXAttribute[name.name="dangerouslySetInnerHTML"]',
          message: 'What clusters and jobs say is text.'
        },
        {
          selector: 'CallExpression[callee.property.name="makeSettings"]',
          message: 'Settings of the server are handed down.'
        }
      ]
    }
  },
  // One feature knows another only by its token.
  ...FEATURES.map(feature => ({
    files: [`src/${feature}/**/*.{ts,tsx}`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: FEATURES.filter(other => other !== feature).map(other => ({
            group: [`../${other}/*`],
            message: 'A feature imports another only through tokens.'
          }))
        }
      ]
    }
  }))
);
