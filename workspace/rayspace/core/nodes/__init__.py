"""The nodes of clusters and jobs: what they tell, and what is made of it."""
