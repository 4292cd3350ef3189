"""Makes predictors and exports of fitted estimators and pipelines; compiles kernels in advance."""
